use super::*;

/// Folder with files.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let files_ = Self(tempfile::tempdir().expect("a folder"));
        for (name, text) in files {
            files_.write(name, text);
        }
        files_
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is made");
        fs::write(path, text).expect("it is written");
    }

    fn beside(&self, text: &str) -> Result<Vec<String>, String> {
        let found = beside(self.0.path(), [text], &[]).map_err(|problem| problem.message)?;
        Ok(found.into_iter().map(|module| module.name).collect())
    }

    fn names(&self, text: &str) -> Vec<String> {
        self.beside(text).expect("they can be read")
    }
}

#[test]
fn imports_are_found_by_their_form() {
    let text = "import a, b as c, d.e\nfrom f.g import h\n  import i # j\nx = 1; import k\nif x: import l\n\
                from . import m\nfrom .n import o\nimporting = p\n'from q'\n";
    assert_eq!(imported(text), ["a", "b", "d", "f", "i", "k", "l"]);
}

#[test]
fn modules_and_what_they_import() {
    let files = Files::new(&[
        ("a.py", "import b, json"),
        ("b.py", "import a"),
        ("unused.py", ""),
        ("shop/__init__.py", "import b"),
        ("shop/prices.py", "from . import taxes"),
        ("shop/taxes.py", ""),
        ("shop/sub/__init__.py", ""),
        ("shop/data/x.py", ""),
        ("shop/notes.txt", ""),
        ("shop/not-a-name.py", ""),
        ("shop.py", ""),
    ]);
    assert_eq!(files.names("import json"), [""; 0]);
    assert_eq!(files.names("import a"), ["a", "b"]);
    assert_eq!(
        files.names("from shop.prices import x"),
        ["a", "b", "shop", "shop.prices", "shop.sub", "shop.taxes"]
    );
    let imports = ["b.x".to_owned()];
    let found = beside(files.0.path(), [], &imports).expect("it is read");
    assert_eq!(found.len(), 2);
}

#[test]
fn no_more_than_guests_should_get() {
    let most = usize::try_from(MOST_BYTES).expect("it is small");
    let files = Files::new(&[("a.py", &"#".repeat(most))]);
    assert_eq!(files.names("import a"), ["a"]);
    files.write("a.py", &"#".repeat(most + 1));
    assert!(files.beside("import a").is_err());

    let files = Files::new(&[("a/__init__.py", "")]);
    for number in 1..MOST_MODULES {
        files.write(&format!("a/m{number}.py"), "");
    }
    assert_eq!(files.names("import a").len(), MOST_MODULES);
    files.write("a/one_more.py", "");
    assert!(files.beside("import a").is_err());
}

#[test]
fn no_link_leads_out_of_the_folder() {
    use std::os::unix::fs::symlink;

    let outside = Files::new(&[("secret.py", "x = 1"), ("pack/__init__.py", "")]);
    // As Kubernetes mounts a ConfigMap.
    let files = Files::new(&[("..data/inside.py", "")]);
    let link = |to: &Path, name: &str| {
        symlink(to, files.0.path().join(name)).expect("a link");
    };
    link(Path::new("..data/inside.py"), "inside.py");
    link(&outside.0.path().join("secret.py"), "secret.py");
    link(&outside.0.path().join("pack"), "pack");
    assert_eq!(files.names("import inside"), ["inside"]);
    for text in ["import secret", "import pack"] {
        let problem = files.beside(text).expect_err("it is outside");
        assert!(problem.contains("link out of"), "{problem}");
    }
    assert_eq!(files.names("import missing"), [""; 0]);
}

#[test]
fn what_is_missing_is_named() {
    let files = Files::new(&[("folder/x.py", "")]);
    let folder = files.0.path();
    let told = |name| missing(folder, name).replace(&*folder.to_string_lossy(), "F");
    assert_eq!(told("folder"), "`F/folder` has no `__init__.py`");
    assert_eq!(told("a.b"), "there is no `F/a/b.py`");
    assert_eq!(missing(Path::new(""), "helper"), "there is no `helper.py`");
}
