//! Runs every config in `configs/` in both runtimes, by the very command in its opening comment.

use std::collections::BTreeSet;
use std::fs;

use support::{Shell, nerodia, on_each_runtime, root};

/// Expected result of one config's command.
struct Example {
    /// Name of the file, without `.yaml`.
    name: &'static str,
    code: i32,
    stdout: &'static str,
    /// Type, place and payload of each dead letter.
    dead_letters: &'static [[&'static str; 3]],
}

const fn well(name: &'static str, stdout: &'static str) -> Example {
    Example {
        name,
        code: 0,
        stdout,
        dead_letters: &[],
    }
}

const EXAMPLES: &[Example] = &[
    well("sum", "42\n"),
    well("hello", "\"Hello, World!\"\n"),
    well(
        "transform",
        r#"{"id":1,"name":{"first":"Ada","last":"Lovelace"},"email":"ada@example.org","adult":true}
{"id":2,"name":{"first":"Zoë","last":"Ångström"},"email":null,"adult":false}
{"id":12345678901234567890,"name":{"first":"Grace","last":""},"email":null,"adult":true}
"#,
    ),
    well(
        "arrays",
        "{\"sum\":10.5,\"count\":4,\"doubled\":[2,4,6,9.0]}\n",
    ),
    well(
        "filter",
        r#"{"id":1,"name":"Ada Lovelace","email":"Ada@Example.org","age":36,"status":"active"}
{"id":2,"name":"Zoë Ångström","age":17,"status":"active"}
"#,
    ),
    well(
        "imports",
        "{\"area\":12.57,\"codes\":[\"A-17\",\"B-4\"],\"unit\":\"cm\",\"weekday\":\"Thursday\"}\n",
    ),
    well(
        "orders",
        r#"{"order":"A-1001","customer":"Ada Lovelace","lines":[{"sku":"PEN","qty":3,"total":59.97},{"sku":"INK","qty":1,"total":0.1}],"subtotal":60.07,"discount":6.01,"tax":10.81,"total":64.87,"free_shipping":false}
{"order":"A-1002","customer":"Grace Hopper","lines":[{"sku":"NIB","qty":12,"total":120.6}],"subtotal":120.6,"discount":0.0,"tax":24.12,"total":144.72,"free_shipping":true}
{"order":"A-1003","customer":"Alan Turing","lines":[],"subtotal":0.0,"discount":0.0,"tax":0.0,"total":0.0,"free_shipping":false}
"#,
    ),
    Example {
        name: "errors",
        code: 1,
        stdout: r#"{"sensor":"roof","fahrenheit":70.7,"per_day":4.0}
{"sensor":"cellar","error":"ValueError: could not convert string to float: 'cold'"}
{"sensor":"kitchen","error":"KeyError: 'celsius'"}
{"sensor":"attic","fahrenheit":-40.0,"per_day":2.0}
"#,
        dead_letters: &[[
            "ZeroDivisionError",
            "configs/errors.yaml:20",
            r#"{"sensor": "garden", "celsius": 0, "hours": 0}"#,
        ]],
    },
    well(
        "fanout",
        r#"{"order":"A-1001","sku":"PEN","qty":3,"price":19.99}
{"order":"A-1001","sku":"INK","qty":1,"price":0.1}
{"order":"A-1002","sku":"NIB","qty":12,"price":10.05}
"#,
    ),
    well(
        "text",
        " 6 words: Slow And Steady Wins The Race
 5 words: Well Begun Is Half Done
 5 words: Many Hands Make Light Work
 6 words: Too Many Cooks Spoil The Broth
",
    ),
    well(
        "steps",
        r#"{"path":"/missing.png","status":404,"fault":"client"}
{"path":"/orders","status":503,"fault":"server"}
"#,
    ),
    well(
        "generate",
        r#"{"n":0,"celsius":20.0,"fahrenheit":68.0}
{"n":1,"celsius":20.5,"fahrenheit":68.9}
{"n":2,"celsius":20.99,"fahrenheit":69.78}
"#,
    ),
];

/// Configs that need more than their command: they are only linted here, and run where their needs are met.
const LINTED: &[&str] = &["kafka"];

#[test]
fn every_config_has_an_expectation() {
    let configs = fs::read_dir(root().join("configs"))
        .expect("configs/")
        .flatten();
    let names = configs.map(|entry| entry.file_name().into_string().expect("UTF-8"));
    let found: BTreeSet<String> = names
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    let expected: BTreeSet<String> = names_of_all().map(str::to_owned).collect();
    assert_eq!(found, expected);
}

on_each_runtime!(every_config_does_what_it_says);
fn every_config_does_what_it_says(runtime: &str) {
    let shell = Shell::open();
    for example in EXAMPLES {
        let Example {
            name,
            code,
            stdout,
            dead_letters,
        } = example;
        let command = command(name);
        let run = format!("scripts/nerodia run -c configs/{name}.yaml");
        assert!(
            command.contains(&run),
            "{command} does not run the config it stands in"
        );
        let command = command.replace(&run, &format!("{run} --set guests.runtime={runtime}"));
        let answer = shell.run(&command);
        assert_eq!(answer.stdout, *stdout, "{command}\n{}", answer.stderr);
        assert_eq!(answer.code, Some(*code), "{command}\n{}", answer.stderr);
        assert_eq!(letters(&answer.stderr), *dead_letters, "{command}");
    }
}

#[test]
fn all_configs_lint() {
    let files = names_of_all().map(|name| format!("configs/{name}.yaml"));
    let ran = nerodia(["lint".to_owned()].into_iter().chain(files))
        .run()
        .expect(0);
    assert_eq!(ran.stderr, "", "no warnings either");
}

fn names_of_all() -> impl Iterator<Item = &'static str> {
    let run = EXAMPLES.iter().map(|example| example.name);
    run.chain(LINTED.iter().copied())
}

/// Returns the one indented line of a config's opening comment.
fn command(name: &str) -> String {
    let path = root().join(format!("configs/{name}.yaml"));
    let text = fs::read_to_string(&path).expect("it is in the folder");
    let comment = text.lines().map_while(|line| line.strip_prefix('#'));
    let commands: Vec<&str> = comment
        .filter_map(|line| line.strip_prefix("   "))
        .collect();
    match *commands {
        [command] => command.to_owned(),
        _ => panic!(
            "{} must open with a comment that gives one command: {commands:?}",
            path.display()
        ),
    }
}

/// Returns type, place and payload of the dead letters on standard error.
fn letters(stderr: &str) -> Vec<[String; 3]> {
    let objects = stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    objects
        .filter(|line: &serde_json::Value| line["error"].is_object())
        .map(|letter| {
            [
                &letter["error"]["type"],
                &letter["error"]["at"],
                &letter["payload"],
            ]
            .map(|field| field.as_str().unwrap_or_default().to_owned())
        })
        .collect()
}
