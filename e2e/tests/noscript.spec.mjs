/** The account pages in a browser that runs no scripts. */

import { expect, test } from "../support/fixtures.mjs";

test("sign up with a key, log in, change the settings, log out", async ({ browse, server }) => {
  const page = await browse({ javaScriptEnabled: false });
  await page.goto(server.url);
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByRole("link", { name: /Sign up with a name and a key/ }).click();
  await page.getByLabel("Username").fill("no name");
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page.getByRole("alert")).toContainText("1 to 32 letters");
  await expect(page.getByLabel("Username")).toBeFocused();
  await page.getByLabel("Username").fill("ann");
  await page.getByRole("button", { name: "Create account" }).click();
  const key = (await page.getByLabel("Access key").textContent()) ?? "";
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  // What only scripts can do is not offered.
  await expect(page.getByRole("button", { name: "Copy" })).toBeHidden();
  await page.getByRole("button", { name: "I have saved it" }).click();
  await expect(page).toHaveURL(`${server.url}/`);

  await page.goto(`${server.url}/settings/`);
  await page.getByLabel("First name").fill("Ann");
  await page.getByRole("button", { name: "Save profile" }).click();
  await expect(page.getByText("Your profile is saved.")).toBeVisible();
  await page.getByLabel("New password").fill("kelp and brass lanterns");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Your password is set.")).toBeVisible();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByText("You are logged out.")).toBeVisible();

  await page.getByLabel("Email or username").fill("ann");
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("Invalid username or password.");
  await page.getByLabel("Password", { exact: true }).fill("kelp and brass lanterns");
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await expect(page).toHaveURL(`${server.url}/`);
});

test("sign up by email, confirm, reset the password", async ({ browse, server }) => {
  const page = await browse({ javaScriptEnabled: false });
  await page.goto(`${server.url}/register/`);
  await page.getByLabel("Email", { exact: true }).fill("bob@example.org");
  await page.getByLabel("Password", { exact: true }).fill("kelp and brass lanterns");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.goto(server.url + (await server.linkFor("bob@example.org", /\/confirm\/[\w-]+/)));
  await page.getByRole("button", { name: "Confirm the address" }).click();
  await expect(page.getByRole("heading", { name: "Your address is confirmed" })).toBeVisible();
  await page.goto(`${server.url}/password/reset/`);
  await page.getByLabel("Email", { exact: true }).fill("bob@example.org");
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.goto(server.url + (await server.linkFor("bob@example.org", /\/password\/reset\/[\w-]{20,}/)));
  await page.getByLabel("New password").fill("another lantern, unlit");
  await page.getByRole("button", { name: "Set the password" }).click();
  await expect(page.getByRole("heading", { name: "Your password is set" })).toBeVisible();
});
