const { DOCUMENT: target, OUT: out } = process.env;
export default {
  voronka: {
    input: { target },
    output: { mode: "split", target: `${out}/voronka.ts`, schemas: `${out}/model`, client: "fetch", headers: true, baseUrl: process.env.VORONKA_URL },
  },
};
