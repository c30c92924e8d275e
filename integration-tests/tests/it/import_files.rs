//! Files as programs write them: ends of lines, and names whose capitals are no simple matter.

use serde_json::json;
use voronka_integration_tests::TestServer;

/// What an import of a file of sources says and leaves behind.
#[tokio::test]
async fn lines_are_numbered_as_an_editor_numbers_them() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type,
        "mapping": { "external_id": {"column": "id"}, "amount": {"column": "amount"} } });
    for end in ["\n", "\r\n", "\r"] {
        let lines = ["id,amount", "a,1", "b,x", "\"c\",2", "d,y", ""];
        let import = api.import(lines.join(end), spec.clone()).await.expect(202);
        let done = server.finished(api, &import.id()).await;
        assert_eq!((&done["state"], &done["rejected"]), (&json!("done"), &json!(2)), "{done}");
        let rejected = api.get(&format!("/v1/imports/{}/rejected.csv", import.id())).await;
        let rejected = rejected.expect(200).text;
        let lines: Vec<_> =
            rejected.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(lines, ["3", "5"], "{end:?}");
    }
}

#[tokio::test]
async fn spellings_of_one_name_are_one_name() {
    let server = TestServer::start().await;
    let api = &server.admin;
    let deal_type = api.deal_type(&["first"]).await;
    let spec = json!({ "kind": "deals", "deal_type_id": deal_type, "create_missing": true,
        "mapping": { "external_id": {"column": "id"}, "source": {"column": "source"} } });
    // The small letter of the Turkish capital is one thing here and another in the database.
    let file = "id,source\na,İnternet\nb,FAIR\nc,fair\nd,Ярмарка\ne,ЯРМАРКА\n";
    for (created, sources) in [(5, 3), (0, 3)] {
        let import = api.import(file, spec.clone()).await.expect(202);
        let done = server.finished(api, &import.id()).await;
        assert_eq!((&done["state"], &done["created"]), (&json!("done"), &json!(created)), "{done}");
        let list = api.get("/v1/sources").await.expect(200).json;
        assert_eq!(list["items"].as_array().unwrap().len(), sources);
    }
}
