//! Pipelines that somebody brings from Bento: one run of `lint` tells all that is wrong with them.

use support::{nerodia, written};

/// What someone may bring from Bento: three pipelines, and what one run of `lint` says of each.
const OF_BENTO: [(&str, &[&str]); 3] = [
    (
        "\
input:
  kafka_franz:
    seed_brokers: [localhost:9092]
    topics: [orders]
    consumer_group: pricing
    sasl: { mechanism: PLAIN, username: me, password: x }
pipeline:
  processors:
    - try:
        - mapping: root.total = this.price * this.qty
        - python:
            script: |
              root = this.total
    - catch:
        - log: { message: failed }
output:
  switch:
    cases:
      - check: errored()
        output:
          kafka:
            addresses: [localhost:9092]
            topic: orders.dead
            key: ${! json(\"id\") }
      - output:
          fallback: [ { stdout: {} }, { drop: {} } ]
",
        &[
            "a.yaml:2:3",
            "write `kafka`, with `addresses` for `seed_brokers`",
            "a.yaml:3:5",
            "the brokers are `addresses`",
            "a.yaml:6:31",
            "the user is `user`",
            "a.yaml:9:7",
            "write `try: …` and `except …:` in the script",
            "a.yaml:10:11",
            "`mapping` is Bloblang",
            "a.yaml:13:22",
            r#"write `this["total"]`"#,
            "a.yaml:14:7",
            "a.yaml:15:11",
            "write `print(…)` in the script",
            "a.yaml:17:3",
            r#"set `meta["topic"]` in the script"#,
            "a.yaml:24:18",
            "`output.kafka.key` is Bloblang",
            "a.yaml:26:11",
            "keep the first output",
        ],
    ),
    (
        "\
input:
  generate:
    interval: 1s
    mapping: root.id = uuid_v4()
pipeline:
  processors:
    - python:
        script: |
          root = {\"id\": this[\"id\"]
    - rate_limit: { resource: foo }
output:
  broker:
    pattern: fan_out
    outputs:
      - stdout: { codec: line }
      - drop: {}
rate_limit_resources: [ { label: foo } ]
",
        &[
            "a.yaml:4:5",
            "write `script` with Python",
            "a.yaml:9:18",
            "'{' was never closed",
            "a.yaml:10:7",
            "no state between messages",
            "a.yaml:12:3",
            r#"`emit(value, topic="…")`"#,
            "a.yaml:15:26",
            "`output.stdout.codec` cannot be `line`",
            "a.yaml:17:1",
            "no resources",
        ],
    ),
    (
        "\
input:
  kafka:
    addresses: [localhost:9092]
    topics: [users]
    consumer_group: enrich
    processors:
      - mapping: root = this
pipeline:
  processors:
    - branch:
        processors:
          - http: { url: http://localhost, verb: GET }
        result_map: root.user = this
    - switch:
        - check: this.country == \"SE\"
          processors:
            - python: { scirpt: root = this }
    - unarchive: { format: json_array }
    - python:
        imports: [nope]
        script: root = this
output:
  drop_on:
    error: true
    output:
      kafka:
        addresses: [localhost:9092]
        topic: users.enriched
        max_in_flight: 64
",
        &[
            "a.yaml:6:5",
            "move them to `pipeline.processors`",
            "a.yaml:10:7",
            "write `if` in the script",
            "a.yaml:12:13",
            "scripts have no network",
            "a.yaml:14:7",
            "a.yaml:17:25",
            "did you mean `script`?",
            "a.yaml:18:7",
            "`for item in this: emit(item)`",
            "a.yaml:20:19",
            "No module named 'nope'",
            "a.yaml:23:3",
            "`pipeline.on_error: drop`",
            "a.yaml:29:24",
            "`output.kafka.max_in_flight` cannot be 64",
        ],
    ),
];

#[test]
fn one_run_tells_all_that_is_wrong_with_a_pipeline_of_bento() {
    for (yaml, parts) in OF_BENTO {
        let folder = written(&[("a.yaml", yaml)]);
        let ran = nerodia(["lint", "a.yaml"])
            .dir(folder.path())
            .run()
            .expect(2);
        for part in parts {
            assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
        }
    }
}

/// Checks that tests of Bento beside a config are not passed over in silence, unless the config has tests of its own.
#[test]
fn tests_of_bento_beside_a_config() {
    let yaml = "pipeline: { processors: [ { python: { script: root = this } } ] }\n";
    let tested = format!("{yaml}tests: [ {{ name: a, input: 1, output: 1 }} ]\n");
    for (yaml, tests, warnings) in [
        (yaml, "a_bento_test.yaml", 1),
        (yaml, "a_benthos_test.yaml", 1),
        (yaml, "b_bento_test.yaml", 0),
        (&tested, "a_bento_test.yaml", 0),
    ] {
        let folder = written(&[("a.yaml", yaml), (tests, "tests: []\n")]);
        let ran = nerodia(["test", "a.yaml"])
            .dir(folder.path())
            .run()
            .expect(0);
        let told = format!("warning: `{tests}` is Bento's, and is not run");
        assert_eq!(
            ran.stderr.matches(&told).count(),
            warnings,
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.contains("`a.test.yaml`"), warnings == 1);
    }
}

#[test]
fn folders_and_commands_of_bento() {
    let folder = written(&[("a.yaml", "")]);
    for (arguments, part) in [
        (&["lint", "."][..], "`$(find . -name '*.yaml')`"),
        (&["test", "./..."], "`$(find . -name '*.yaml')`"),
        (&["lint", "nowhere.yaml"], "`nerodia eval 'root = this'`"),
        (&["create", "stdin//stdout"], "tip: `nerodia init NAME`"),
    ] {
        let ran = nerodia(arguments).dir(folder.path()).run().expect(2);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}
