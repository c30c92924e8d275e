// A person on /docs: authorises with a token, tries an operation out and sees its answer.
import { chromium } from "playwright-core";

const { VORONKA_URL: url, VORONKA_TOKEN: token, VORONKA_EMAIL: email, CHROMIUM: executablePath } = process.env;
if (!url || !token || !email || !executablePath) throw new Error("VORONKA_URL, _TOKEN, _EMAIL and CHROMIUM");

// Headless and with a profile of its own, which Playwright makes and removes.
const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  const foreign: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
  await page.goto(`${url}/docs`);

  await page.locator(".auth-wrapper .btn.authorize").click();
  const dialog = page.locator(".dialog-ux .modal-ux");
  await dialog.locator("input").fill(token);
  await dialog.locator("button.authorize").click();
  await dialog.locator("button.btn-done").click();

  const operation = page.locator("#operations-Users-getMe");
  await operation.locator(".opblock-summary-control").click();
  await operation.locator(".try-out__btn").click();
  await operation.locator("button.execute").click();
  const answer = operation.locator(".live-responses-table .response").first();
  await answer.waitFor();
  const status = (await answer.locator(".response-col_status").innerText()).trim();
  if (!status.startsWith("200")) throw new Error(`the answer of the call: ${status}`);
  const body = await answer.locator(".response-col_description .highlight-code").first().innerText();
  if (!body.includes(email)) throw new Error(`the body of the call: ${body}`);
  if (faults.length > 0) throw new Error(`faults of the page: ${faults.join("; ")}`);
  if (foreign.length > 0) throw new Error(`requests to elsewhere: ${foreign.join("; ")}`);
  console.log(`The page of ${await page.title()} answers ${status}.`);
} finally {
  await browser.close();
}
