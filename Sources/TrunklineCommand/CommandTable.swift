import Options

/// Every option in one table: flags, environment, file keys, help and `--print-config` come from here.
enum CommandTable {
  static let root = CommandSpec(
    "trunkline", help: "Work distribution and communications backend that speaks Twilio's wire formats.",
    discussion: """
      Start a server, then point an SDK at it:
        trunkline serve
        trunkline serve --http 0.0.0.0:8080 --data-dir /var/lib/trunkline
      See a real day of work go through it:
        trunkline demo
      Watch what happens, bring work in, look after it:
        trunkline tail --workspace WS…
        trunkline ingest tickets.csv --workspace WS… --workflow WW…
        trunkline doctor
        trunkline backup /mnt/backup/monday.sqlite
      Make the topics of a cluster:
        trunkline topics plan --kafka kafka-1:9092,kafka-2:9092,kafka-3:9092
      """,
    options: [
      OptionSpec("config", help: "File with `name = value` lines; names as the options'", placeholder: "FILE"),
      OptionSpec("log-level", help: "debug, info, warning or error", placeholder: "LEVEL", default: "info"),
      OptionSpec("log-format", help: "text or json", placeholder: "FORMAT", default: "text"),
    ],
    subcommands: [serve, ingest, tail, demo, account, doctor, journal] + SafekeepingCommand.specs + [TopicsCommand.spec])

  static let serve = CommandSpec(
    "serve", help: "Serve the API from one data folder: one process, no other server.",
    discussion: """
      First start: makes an account, prints its SID and token once and keeps them in DIR/account.
        trunkline serve
        trunkline serve --data-dir ./data --http 127.0.0.1:9000
        TRUNKLINE_ACCOUNT_SID=AC… TRUNKLINE_AUTH_TOKEN=… trunkline serve     (preset the first account)
        trunkline serve --print-config                                       (what is set, and from where)
      A node of a cluster, on Kafka and Redis; any number of them with names of their own:
        trunkline serve --kafka k1:9092,k2:9092 --redis redis://10.0.0.7:6379 --node a --data-dir ./a
        trunkline serve --kafka k1:9092 --redis rediss://user:pw@r1/0 --roles worker,projector --lanes 4 --node w1 --data-dir ./w1
      """,
    options: [
      OptionSpec("data-dir", help: "Folder that keeps everything", placeholder: "DIR", default: "./trunkline-data"),
      OptionSpec("http", help: "Address to serve on", placeholder: "HOST:PORT", default: "127.0.0.1:8080"),
      OptionSpec(
        "tls-cert", help: "Serve https: certificate and what leads to its authority, PEM; read again at SIGHUP", placeholder: "FILE"),
      OptionSpec("tls-key", help: "Its key, PEM, without a password", placeholder: "FILE"),
      OptionSpec("public-url", help: "What absolute URLs and signatures use (default: scheme and Host of the request)", placeholder: "URL"),
      OptionSpec("trust-proxy", help: "Believe X-Forwarded-Proto and X-Forwarded-Host", isFlag: true),
      OptionSpec("allow-private-targets", help: "Let callbacks go to loopback and private addresses", isFlag: true),
      OptionSpec("dev-clock", help: "POST /dev/clock moves the product's time (loopback only; never in production)", isFlag: true),
      OptionSpec("rate-limit", help: "Requests a second and account; 0: no limit", placeholder: "N", default: "0"),
      OptionSpec("account-sid", help: "Preset the first account", placeholder: "AC…"),
      OptionSpec("auth-token", help: "Its token", placeholder: "TOKEN", isSecret: true),
      OptionSpec("max-body", help: "Bytes of a form or JSON body", placeholder: "BYTES", default: "4194304"),
      OptionSpec("max-line", help: "Bytes of a line of a bulk import", placeholder: "BYTES", default: "65536"),
      OptionSpec("max-header", help: "Bytes of a request's header", placeholder: "BYTES", default: "32768"),
      OptionSpec("max-header-fields", help: "Fields of a request's header", placeholder: "N", default: "128"),
      OptionSpec("header-timeout", help: "Seconds for a request's header", placeholder: "SECONDS", default: "10"),
      OptionSpec("body-timeout", help: "Seconds without a byte of a body that is waited for", placeholder: "SECONDS", default: "30"),
      OptionSpec("min-body-rate", help: "Bytes a second of a body, beyond body-timeout; 0: any", placeholder: "BYTES", default: "100"),
      OptionSpec("idle-timeout", help: "Seconds that a connection may be idle", placeholder: "SECONDS", default: "75"),
      OptionSpec("max-connections", help: "Connections at once", placeholder: "N", default: "10000"),
      OptionSpec("max-waiting", help: "Commands that may wait for their answer; beyond: 429", placeholder: "N", default: "10000"),
      OptionSpec(
        "answer-timeout", help: "Seconds that a command waits for its answer; the same on all nodes", placeholder: "SECONDS", default: "15"),
      OptionSpec(
        "shutdown-delay",
        help: "Seconds at SIGTERM in which /ready says 503 and ingress and gateway still serve (default: 2 in a cluster, else 0)",
        placeholder: "SECONDS"),
      OptionSpec("grace", help: "Seconds that running requests get after that", placeholder: "SECONDS", default: "10"),
      OptionSpec(
        "assigned-limit", help: "Seconds that a task may be assigned before it is taken away; 0: without end", placeholder: "SECONDS",
        default: "86400"),
      OptionSpec("purge-after", help: "Seconds that finished tasks stay readable", placeholder: "SECONDS", default: "300"),
      OptionSpec("max-assignments", help: "Offers of one task before it is canceled", placeholder: "N", default: "1000"),
      OptionSpec("threads", help: "Event loops; 0: one a core", placeholder: "N", default: "0"),
      OptionSpec("kafka", help: "Brokers: makes this a node of a cluster", placeholder: "HOST:PORT[,…]"),
      OptionSpec("kafka-config", help: "File of librdkafka's settings for TLS and SASL", placeholder: "FILE"),
      OptionSpec(
        "redis", help: "redis[s]://[user:password@]HOST:PORT[/db], or redis[s]-sentinel://…/MASTER", placeholder: "URL", isSecret: true),
      OptionSpec(
        "roles", help: "What a node of a cluster does", placeholder: "ROLES", default: "ingress,worker,projector,callout,gateway"),
      OptionSpec("lanes", help: "Loops that the worker's partitions are spread over; 0: one a core", placeholder: "N", default: "0"),
      OptionSpec("node", help: "The node's name in the cluster: the same after a restart (default: the host's name)", placeholder: "NAME"),
      OptionSpec("topic-prefix", help: "Put before the names of topics, groups and keys", placeholder: "P", default: ""),
      OptionSpec("print-config", help: "Print every setting with its source and exit", isFlag: true, isConfiguration: false),
    ])

  /// Where the data is, for commands that look at a folder.
  private static let folder = OptionSpec("data-dir", help: "Folder that keeps everything", placeholder: "DIR", default: "./trunkline-data")

  private static let authority = OptionSpec("ca", help: "Whom to believe over https, PEM (default: the system's)", placeholder: "FILE")

  /// Which server, and as whom: given, or as the data folder knows it.
  private static let connection = [
    OptionSpec("url", help: "The server (default: from DIR/address, else http://127.0.0.1:8080)", placeholder: "URL"),
    OptionSpec("account-sid", help: "Who asks (default: from DIR/account)", placeholder: "AC…"),
    OptionSpec("auth-token", help: "Its token (default: from DIR/account)", placeholder: "TOKEN", isSecret: true),
    folder, authority,
    OptionSpec("workspace", help: "The workspace (default: the account's only one)", placeholder: "WS…"),
  ]

  static let ingest = CommandSpec(
    "ingest", help: "Bring a file of work items in: CSV or NDJSON, also gzip.",
    discussion: """
      A line of NDJSON: {"attributes": {"type": "billing"}, "priority": 3, "task_channel": "default", "timeout": 3600, "workflow_sid": "WW…"}
      CSV has the same names in its header; attributes is a cell of JSON. Only attributes is required.
        trunkline ingest tickets.ndjson --workflow WW…
        trunkline ingest tickets.csv.gz --workspace WS… --workflow WW…
      Run it again after any interruption: nothing is taken twice. A changed file is a new import.
      """,
    options: connection + [
      OptionSpec("workflow", help: "Workflow of lines that name none", placeholder: "WW…"),
      OptionSpec("import-id", help: "Name of the import (default: the hash of the file)", placeholder: "ID"),
      OptionSpec("no-wait", help: "Return once every line is recorded, without waiting until all are decided", isFlag: true),
    ],
    positionals: [PositionalSpec("FILE", help: "The file", isRequired: true)])

  static let tail = CommandSpec(
    "tail", help: "Follow the events of a workspace as they happen.",
    discussion: """
        trunkline tail
        trunkline tail --workspace WS… --from beginning
        trunkline tail --json | jq .type
      """,
    options: connection + [
      OptionSpec("json", help: "One CloudEvent a line", isFlag: true),
      OptionSpec("from", help: "now or beginning", placeholder: "WHERE", default: "now"),
      OptionSpec("worker", help: "Only events of this worker", placeholder: "WK…"),
    ])

  static let demo = CommandSpec(
    "demo", help: "Replay a real day of work against a server of its own and show what became of it.",
    discussion: """
        trunkline demo                                             (a day of fire dispatch in San Francisco)
        trunkline demo --data anonymous-bank.csv --report bank.html (a bank's call centre)
      On a cluster: a node of the demo's own on your broker and Redis, on topics of its own that it removes again:
        trunkline demo --kafka 127.0.0.1:9092 --redis redis://127.0.0.1:6379
      Or through a server or a cluster that runs, as an account of it; makes a workspace there, which stays:
        TRUNKLINE_ACCOUNT_SID=AC… TRUNKLINE_AUTH_TOKEN=… trunkline demo --url http://127.0.0.1:8181
      Only the embedded home has a clock that can be moved. Elsewhere time is real, and the day goes by that much faster.
      """,
    options: [
      OptionSpec("data", help: "Recorded data (default: the day that comes with the source)", placeholder: "FILE"),
      OptionSpec("day", help: "Which day of it (default: the busiest)", placeholder: "YYYY-MM-DD"),
      OptionSpec("report", help: "Where the report goes", placeholder: "FILE", default: "./report/report.html"),
      OptionSpec("seconds", help: "About how long the day should take", placeholder: "SECONDS", default: "60"),
      // Not from the environment: what is set there for other commands must not send a demo to a server that people work with.
      OptionSpec("url", help: "A running server, instead of one of the demo's own", placeholder: "URL", isConfiguration: false),
      OptionSpec("account-sid", help: "As whom, with --url", placeholder: "AC…"),
      OptionSpec("auth-token", help: "Its token", placeholder: "TOKEN", isSecret: true), authority,
      ClusterChoice.kafka, ClusterChoice.kafkaConfig, ClusterChoice.redis,
      OptionSpec(
        "topic-prefix", help: "Before the names of the topics that it makes, which stay then (default: random, removed at the end)",
        placeholder: "P", isConfiguration: false),
    ])

  private static let accountConnection = Array(connection.prefix(5)) + [ClusterChoice.kafka, ClusterChoice.kafkaConfig]

  static let account = CommandSpec(
    "account", help: "Look after accounts: of a stopped server's folder, or over the API of the one that runs.",
    discussion: """
        trunkline account list
        trunkline account create --name "Second tenant"
        trunkline account rotate AC…
      Of a cluster, over a node that runs; what is made there are subaccounts of the account that asks:
        TRUNKLINE_ACCOUNT_SID=AC… TRUNKLINE_AUTH_TOKEN=… trunkline account create --url http://127.0.0.1:8181
      """,
    subcommands: [
      CommandSpec(
        "create", help: "Make an account; prints its SID and token.",
        options: accountConnection + [OptionSpec("name", help: "Its friendly name", placeholder: "NAME", default: "Trunkline")]),
      CommandSpec(
        "list", help: "List accounts and subaccounts.",
        options: accountConnection + [OptionSpec("show-tokens", help: "Print tokens too", isFlag: true)]),
      CommandSpec(
        "rotate", help: "Give an account a new token; the old one stops working.", options: accountConnection,
        positionals: [PositionalSpec("SID", help: "The account", isRequired: true)]),
    ])

  static let doctor = CommandSpec(
    "doctor", help: "Check ports, disk, permissions, the log and the configuration, and say how to mend what is wrong.",
    discussion: "  trunkline doctor --data-dir /var/lib/trunkline --http 0.0.0.0:8080", options: serve.options)

  static let journal = CommandSpec(
    "journal", help: "Look into the journals.",
    subcommands: [
      CommandSpec(
        "show", help: "Print what was decided, in order; of a running server or a stopped one.",
        discussion: """
            trunkline journal show
            trunkline journal show --workspace WS… --json | jq .
          Of a cluster, from its brokers:
            trunkline journal show --kafka 127.0.0.1:9092 --topic-prefix cluster. --partition 2
          """,
        options: [
          folder, ClusterChoice.kafka, ClusterChoice.kafkaConfig, ClusterChoice.prefix,
          OptionSpec("json", help: "One JSON object a record", isFlag: true),
          OptionSpec("family", help: "work or account", placeholder: "NAME", default: "work"),
          OptionSpec("partition", help: "Only this partition", placeholder: "N"),
          OptionSpec("workspace", help: "Only what was decided in this workspace", placeholder: "WS…", isConfiguration: false),
          OptionSpec("from", help: "First offset", placeholder: "OFFSET", default: "0"),
        ])
    ])
}
