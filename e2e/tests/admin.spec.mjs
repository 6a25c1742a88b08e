/** The admin site: an admin finds a message, removes it, and sees it in the audit log. */

import { expect, expectAccessible, expectConnected, test } from "../support/fixtures.mjs";

const EMAIL = "sam@example.org";
const PASSWORD = "kelp and brass lanterns";

test("an admin finds a message, removes it, and sees it in the audit log", async ({ person, server, browse }) => {
  const ann = await person("ann");
  await expectConnected(ann);
  await ann.getByRole("textbox").fill("a rude word");
  await ann.keyboard.press("Enter");
  await expect(ann.getByText("a rude word")).toBeVisible();

  await server.makeAdmin(EMAIL, PASSWORD);
  const page = await browse();
  await page.goto(`${server.url}/admin/messages/`);
  await page.getByLabel("Email or username").fill(EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Messages", level: 1 })).toBeVisible();

  await page.getByLabel("Search").fill("rude");
  await page.getByRole("button", { name: "Show" }).click();
  await expect(page.getByText("1 message found")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("checkbox", { name: /a rude word/ }).check();
  await page.getByRole("button", { name: "Remove" }).click();
  await expect(page.getByRole("heading", { name: "Remove: 1 message" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Remove: 1 message" }).click();
  await expect(page.getByText("Remove: done for 1 message.")).toBeVisible();
  await expect(ann.getByText("a rude word")).toHaveCount(0);
  await expect(ann.getByText("This message was removed.")).toBeVisible();

  await page.getByRole("link", { name: "Audit log" }).click();
  const row = page.getByRole("row", { name: /remove/ });
  await expect(row).toContainText(EMAIL);
  await expect(row).toContainText("done");
  await row.getByRole("link").click();
  await expect(page.getByText("a rude word").first()).toBeVisible();
  await expectAccessible(page);
});
