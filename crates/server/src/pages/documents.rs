//! The documents of the pages that scripts make: one for each line of
//! `web/pages/pages.json`, rendered once at start.
//!
//! A page is a folder of `web/pages`. Its document names every style sheet in the folder
//! and every module that its `page.js` leads to, so that a browser asks for all of them
//! at once instead of finding them one by one; the other pages' code is not among them.
//!
//! Absent: what a page shows (`web/`), who may see it ([`super`]).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use serde::{Deserialize, Serialize};

/// Where the list of pages is, in the bundle.
const LIST: &str = "pages/pages.json";
/// What the script of every page is.
const APP: &str = "app.js";
/// Stands for the address of the assets until they know it themselves
/// ([`http_kit::Assets`]).
const ASSETS: &str = "{{assets}}";

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// The list of pages is missing, or is no such list.
    #[error("web/{LIST}: {0}")]
    List(#[from] serde_json::Error),
    /// A line of the list has no module.
    #[error("web/{LIST} names a page without a module: web/{0}")]
    NoModule(String),
    /// A document cannot be rendered.
    #[error("a page's document: {0}")]
    Render(#[from] askama::Error),
}

/// The files of the bundle, by their paths.
pub(super) type Files = BTreeMap<String, Cow<'static, [u8]>>;

/// A line of the list of pages. `web/shell/types.d.ts` says what each field means.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PageEntry {
    /// The route, in axum's syntax.
    pub(super) path: String,
    page: String,
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nav: Option<String>,
    /// Whether those who are not signed in are led to the log-in page instead.
    pub(super) sign_in: bool,
    /// Addresses of the style sheets: found, not listed.
    #[serde(default)]
    styles: Vec<String>,
}

impl PageEntry {
    /// The path of the page's document in the bundle.
    pub(super) fn document(&self) -> String {
        format!("pages/{}/index.html", self.page)
    }
}

#[derive(Template)]
#[template(path = "app.html")]
struct Document<'a> {
    assets: &'a str,
    title: &'a str,
    styles: &'a [String],
    modules: BTreeSet<String>,
    /// The list of pages as JSON that holds no `<`.
    pages: &'a str,
}

/// Adds the documents to the bundle, and says which pages there are.
pub(super) fn add(files: &mut Files) -> Result<Vec<PageEntry>, PagesError> {
    let list = files.remove(LIST).unwrap_or_default();
    let mut entries: Vec<PageEntry> = serde_json::from_slice(&list)?;
    for entry in &mut entries {
        entry.styles = styles_of(files, &entry.page);
    }
    let pages = serde_json::to_string(&entries)?.replace('<', "\\u003c");
    for entry in &entries {
        let main = format!("pages/{}/page.js", entry.page);
        if !files.contains_key(&main) {
            return Err(PagesError::NoModule(main));
        }
        let mut modules = BTreeSet::from([main.clone()]);
        reach(files, APP, &mut modules);
        reach(files, &main, &mut modules);
        let (title, styles, pages) = (&entry.title, &entry.styles, &pages);
        let document = Document { assets: ASSETS, title, styles, modules, pages }.render()?;
        files.insert(entry.document(), Cow::Owned(document.into_bytes()));
    }
    Ok(entries)
}

fn styles_of(files: &Files, page: &str) -> Vec<String> {
    let folder = format!("pages/{page}/");
    let own = files.keys().filter(|path| path.starts_with(&folder) && path.ends_with(".css"));
    own.map(|path| format!("{ASSETS}/{path}")).collect()
}

/// Collects what the module at `path` imports, and what that imports.
fn reach(files: &Files, path: &str, found: &mut BTreeSet<String>) {
    let source = files.get(path).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
    // `import … from "./other.js"`; what is imported by a call is loaded when it is wanted.
    for target in source.split(" from \"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let Some(module) = resolve(path, target) else { continue };
        if files.contains_key(&module) && found.insert(module.clone()) {
            reach(files, &module, found);
        }
    }
}

/// The path that the relative `target` means in the module at `from`.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in target.split('/') {
        match step {
            "." => {}
            ".." => {
                path.pop()?;
            }
            name => path.push(name),
        }
    }
    target.starts_with('.').then(|| path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(files: &[(&str, &'static str)]) -> Files {
        let files = files.iter();
        files.map(|&(path, text)| (path.to_owned(), Cow::Borrowed(text.as_bytes()))).collect()
    }

    fn text<'a>(files: &'a Files, path: &str) -> &'a str {
        std::str::from_utf8(&files[path]).unwrap()
    }

    #[test]
    fn a_document_names_its_own_modules_and_styles_and_no_other_pages() {
        let mut files = bundle(&[
            (
                "pages/pages.json",
                r#"[{"path": "/", "page": "one", "title": "", "nav": "One", "signIn": true},
                    {"path": "/two/{id}", "page": "two", "title": "Two </script>", "signIn": false}]"#,
            ),
            (
                "app.js",
                "import {\n  a,\n} from \"./lib/a.js\";\nimport(`./pages/${page}/page.js`);",
            ),
            ("lib/a.js", "export * from \"./b.js\";"),
            ("lib/b.js", "import { a } from \"./a.js\";"),
            ("lib/c.js", ""),
            ("pages/one/page.js", "import { x } from \"./x.js\";"),
            ("pages/one/x.js", ""),
            ("pages/two/page.js", "import { c } from \"../../lib/c.js\";"),
            ("pages/two/styles/two.css", ""),
        ]);
        let entries = add(&mut files).unwrap();
        assert_eq!(entries.iter().map(|it| it.sign_in).collect::<Vec<_>>(), [true, false]);
        let modules = |page: &str| {
            let links = page.split("modulepreload\" href=\"{{assets}}/").skip(1);
            links.filter_map(|rest| rest.split('"').next()).collect::<Vec<_>>().join(" ")
        };
        let one = text(&files, "pages/one/index.html");
        assert_eq!(modules(one), "lib/a.js lib/b.js pages/one/page.js pages/one/x.js");
        assert!(one.contains("<title>Packetboat</title>"), "{one}");
        assert!(!one.contains("two.css\" data-page"));
        let two = text(&files, "pages/two/index.html");
        assert_eq!(modules(two), "lib/a.js lib/b.js lib/c.js pages/two/page.js");
        assert!(two.contains("href=\"{{assets}}/pages/two/styles/two.css\" data-page"));
        assert!(!two.contains("Two </script>"), "a title ends no script");
        assert!(!files.contains_key(LIST));
    }

    #[test]
    fn a_page_without_a_module_stops_the_start() {
        let list = r#"[{"path": "/", "page": "none", "title": "", "signIn": true}]"#;
        let mut files = bundle(&[("pages/pages.json", list)]);
        assert!(add(&mut files).unwrap_err().to_string().contains("pages/none/page.js"));
    }
}
