DROP TABLE contacts, clients, loss_reasons, competitors, sources;
