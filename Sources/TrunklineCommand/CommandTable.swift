import Options

/// Every option in one table: flags, environment, file keys, help and `--print-config` come from here.
enum CommandTable {
  static let root = CommandSpec(
    "trunkline", help: "Work distribution and communications backend that speaks Twilio's wire formats.",
    discussion: """
      Start a server, then point an SDK at it:
        trunkline serve
        trunkline serve --http 0.0.0.0:8080 --data-dir /var/lib/trunkline
      """,
    options: [
      OptionSpec("config", help: "File with `name = value` lines; names as the options'", placeholder: "FILE"),
      OptionSpec("log-level", help: "debug, info, warning or error", placeholder: "LEVEL", default: "info"),
      OptionSpec("log-format", help: "text or json", placeholder: "FORMAT", default: "text"),
    ],
    subcommands: [serve])

  static let serve = CommandSpec(
    "serve", help: "Serve the API from one data folder: one process, no other server.",
    discussion: """
      First start: makes an account, prints its SID and token once and keeps them in DIR/account.
        trunkline serve
        trunkline serve --data-dir ./data --http 127.0.0.1:9000
        TRUNKLINE_ACCOUNT_SID=AC… TRUNKLINE_AUTH_TOKEN=… trunkline serve     (preset the first account)
        trunkline serve --print-config                                       (what is set, and from where)
      """,
    options: [
      OptionSpec("data-dir", help: "Folder that keeps everything", placeholder: "DIR", default: "./trunkline-data"),
      OptionSpec("http", help: "Address to serve on", placeholder: "HOST:PORT", default: "127.0.0.1:8080"),
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
      OptionSpec("header-timeout", help: "Seconds for a request's header", placeholder: "SECONDS", default: "10"),
      OptionSpec("idle-timeout", help: "Seconds that a connection may be idle", placeholder: "SECONDS", default: "75"),
      OptionSpec("max-connections", help: "Connections at once", placeholder: "N", default: "10000"),
      OptionSpec("max-waiting", help: "Commands that may wait for their answer; beyond: 429", placeholder: "N", default: "10000"),
      OptionSpec("grace", help: "Seconds that running requests get at SIGTERM", placeholder: "SECONDS", default: "10"),
      OptionSpec("purge-after", help: "Seconds that finished tasks stay readable", placeholder: "SECONDS", default: "300"),
      OptionSpec("max-assignments", help: "Offers of one task before it is canceled", placeholder: "N", default: "1000"),
      OptionSpec("threads", help: "Event loops; 0: one a core", placeholder: "N", default: "0"),
      OptionSpec("print-config", help: "Print every setting with its source and exit", isFlag: true, isConfiguration: false),
    ])
}
