// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target of ours: Swift 6, every check on, warnings are errors.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .treatWarning("DeprecatedDeclaration", as: .warning),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .enableUpcomingFeature("ImmutableWeakCaptures"),
]
/// Hot libraries: small functions are worth inlining across rooms.
let hot: [SwiftSetting] = strict + [.unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]
let strictC: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

/// A room: one folder, one target. `group` is the floor of the house it stands on.
func room(_ name: String, _ group: String, _ needs: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: needs, path: "Sources/\(group)/\(name)", swiftSettings: hot)
}

func tests(_ name: String, _ needs: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name + "Tests", dependencies: needs, path: "Tests/\(name)", exclude: exclude, swiftSettings: strict)
}

var targets: [Target] = []

// Core: pure values; no clock, randomness, I/O, locks or async.
targets += [
  room("Resources", "Core"),
  tests("Resources", ["Resources"]),
  room("Ports", "Core", ["Resources"]),
  room("Journal", "Core", ["Resources"]),
  room("Machines", "Core", ["Journal", "Resources"]),
  room("Accounts", "Core", ["Journal", "Machines", "Resources"]),
  room("TaskEvents", "Core", ["JSON", "Journal", "Resources", "TaskRouting"]),
  room("TaskRouting", "Core", ["Expressions", "JSON", "Journal", "Machines", "Resources", "Workflows"]),
]

// Roles: what a node can do, on ports.
targets += [
  room("Handover", "Roles", ["Journal"]),
  tests("Handover", ["Handover", "Journal"]),
  room("PartitionRunner", "Roles", ["Handover", "JSON", "Journal", "Machines", "Ports", "Resources"]),
  room("Forms", "Core", ["Resources"]),
  tests("Forms", ["Forms", "Resources"]),
  room("Records", "Core"),
  tests("Records", ["Records", "Resources"]),
  .target(name: "CZlib", path: "Sources/Edge/CZlib", cSettings: strictC, linkerSettings: [.linkedLibrary("z")]),
  room("Gzip", "Edge", ["CZlib"]),
  tests("Gzip", ["Gzip"]),
  .systemLibrary(name: "COpenSSL", path: "Sources/Edge/COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
  room("Crypto", "Edge", ["COpenSSL"]),
  room(
    "Ingress", "Roles",
    [
      "Accounts", "Expressions", "Forms", "Gzip", "HTTPServer", "JSON", "Journal", "Machines", "Observability", "Ports", "Records",
      "Resources",
      "TaskRouting",
    ]),
  tests("Ingress", ["InProcessHotState", "Ingress", "Ports", "Resources"]),
  tests("Projection", ["Journal", "Ports", "PortsTesting", "Projection", "Resources"]),
  room("APIClient", "Roles", ["Forms", "HTTPClient", "JSON"]),
  tests("APIClient", ["APIClient"]),
  room("Gateway", "Roles", ["HTTPServer", "Ingress", "Ports", "Projection", "Resources", "TaskEvents"]),
  tests("Gateway", ["EventLoops", "Gateway", "HTTPClient", "HTTPServer", "Ports", "PortsTesting", "Projection", "Resources"]),
  room(
    "Callouts", "Roles",
    [
      "Accounts", "Forms", "Ingress", "JSON", "Journal", "Machines", "Observability", "Ports", "Projection", "Resources", "TaskEvents",
      "TaskRouting",
    ]),
  room("Projection", "Roles", ["Handover", "Journal", "Ports", "Resources", "TaskEvents", "TaskRouting"]),
  // Reads logs and shares no code with those who write them.
  .target(name: "Audit", path: "Tests/Audit", swiftSettings: strict),
  // Whole histories with faults, in release: `make simulate`.
  .executableTarget(
    name: "Simulate",
    dependencies: [
      "Accounts", "Audit", "Handover", "InProcessHotState", "Journal", "Machines", "PartitionRunner", "Ports", "PortsTesting", "Projection",
      "Resources",
      "TaskRouting",
    ],
    path: "Tests/Simulate", exclude: ["Mutations"], swiftSettings: strict),
  tests(
    "Simulation",
    [
      "Accounts", "InProcessHotState", "Journal", "Machines", "PartitionRunner", "Ports", "PortsTesting", "Resources", "Simulate",
      "TaskRouting",
    ]),
]

// The log and hot state of the embedded home, the ports' doubles for tests, and the contracts that all of them keep.
targets += [
  room("PortsTesting", "Core", ["Ports", "Resources"]),
  room("InProcessHotState", "Adapters", ["Ports", "Resources"]),
  room("InProcessSignalBus", "Adapters", ["Ports"]),
  room("InProcessPresenceStore", "Adapters", ["Ports", "Resources"]),
  .systemLibrary(name: "CSQLite", path: "Sources/Edge/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
  .target(name: "CPacedWrites", dependencies: ["CSQLite"], path: "Sources/Edge/CPacedWrites", cSettings: strictC),
  room("SQLiteEventLog", "Adapters", ["CPacedWrites", "CSQLite", "Ports"]),
  tests(
    "Contracts",
    [
      "CPacedWrites", "CRdkafka", "ChildProcess", "CSQLite", "EventLoops", "InProcessHotState", "InProcessPresenceStore",
      "InProcessSignalBus",
      "KafkaEventLog", "Ports",
      "PortsTesting", "PowerCut", "RedisClient", "RedisHotState", "RedisPresenceStore", "RedisSignalBus", "RedisTesting", "Resources",
      "SQLiteEventLog",
    ]),
  tests("PortsTesting", ["InProcessSignalBus", "Ports", "PortsTesting", "Resources"]),
  .executableTarget(
    name: "PowerCutter", dependencies: ["Ports", "PortsTesting", "PowerCut", "SQLiteEventLog"], path: "Tests/PowerCutter",
    swiftSettings: strict),
  .target(name: "PowerCut", dependencies: ["CSQLite"], path: "Tests/PowerCut", cSettings: strictC),
  .executableTarget(
    name: "LogCrasher", dependencies: ["Ports", "PortsTesting", "SQLiteEventLog"], path: "Tests/LogCrasher", swiftSettings: strict),
]

// The log and hot state of the cluster home.
targets += [
  .systemLibrary(name: "CRdkafka", path: "Sources/Edge/CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
  // Without pkg-config: hiredis names a flag there that SwiftPM prohibits.
  .systemLibrary(name: "CHiredis", path: "Sources/Edge/CHiredis", providers: [.apt(["libhiredis-dev"])]),
  room("TLS", "Edge", ["COpenSSL"]),
  room("RedisClient", "Edge", ["CHiredis", "Crypto", "EventLoops", "Observability", "Ports", "Resources", "TLS"]),
  room("RedisHotState", "Adapters", ["EventLoops", "Ports", "RedisClient", "Resources"]),
  room("RedisPresenceStore", "Adapters", ["EventLoops", "Ports", "RedisClient", "Resources"]),
  .target(name: "RedisTesting", dependencies: ["ChildProcess"], path: "Tests/RedisTesting", swiftSettings: strict),
  tests("RedisClient", ["EventLoops", "RedisClient", "RedisTesting"]),
  .systemLibrary(name: "CYAML", path: "Sources/Edge/CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
  room("RedisSignalBus", "Adapters", ["EventLoops", "Ports", "RedisClient"]),
  room("KafkaEventLog", "Adapters", ["CRdkafka", "EventLoops", "Ports"]),
  room("KafkaSettings", "Edge"),
  tests("KafkaSettings", ["KafkaSettings"]),
]

// Topics: what they are, what they must be on a broker, and how they get there.
targets += [
  room("Topics", "Core"),
  tests("Topics", ["Topics"]),
  room("YAML", "Edge", ["CYAML"]),
  tests("YAML", ["YAML"]),
  room("KafkaAdmin", "Adapters", ["CRdkafka", "EventLoops", "KafkaSettings"]),
  tests("KafkaAdmin", ["KafkaAdmin", "KafkaSettings", "Topics", "Trunkline"]),
]

// JSON, the expression language and workflow documents.
targets += [
  .target(
    name: "CSimdJSON", path: "Sources/Edge/CSimdJSON",
    cxxSettings: [
      .define("NDEBUG", .when(configuration: .release)), .define("SIMDJSON_EXCEPTIONS", to: "0"),
      .enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error),
    ],
    linkerSettings: [.linkedLibrary("simdjson")]),
  room("JSON", "Core", ["CSimdJSON"]),
  room("Expressions", "Core", ["JSON"]),
  room("Workflows", "Core", ["JSON", "Expressions"]),
  tests("JSON", ["JSON", "Resources"]),
  tests("Expressions", ["Expressions", "JSON", "Resources"]),
  tests("Workflows", ["Workflows", "Expressions", "JSON"]),
]

// Observability, options, terminal, poison stamps.
targets += [
  room("Observability", "Edge"),
  tests("Observability", ["Observability"]),
  room("Options", "Edge"),
  tests("Options", ["Options"]),
  room("Terminal", "Edge"),
  tests("Terminal", ["Terminal"]),
  .target(name: "CPoisonStamp", path: "Sources/Edge/CPoisonStamp", cSettings: strictC),
  room("PoisonStamp", "Edge", ["CPoisonStamp"]),
  // Dies in the ways that the tests ask for.
  .executableTarget(name: "PoisonVictim", dependencies: ["PoisonStamp"], path: "Tests/PoisonVictim", swiftSettings: strict),
  // Programs that tests run.
  .target(name: "ChildProcess", path: "Tests/ChildProcess", swiftSettings: strict),
  tests("PoisonStamp", ["ChildProcess", "PoisonStamp", "PoisonVictim"]),
]

// Edge: loops on libuv and the HTTP/1.1 server above llhttp.
targets += [
  .systemLibrary(name: "CLibuv", path: "Sources/Edge/CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
  // The distribution's sources are compiled as they are, so its warnings are not ours to judge.
  .target(name: "CLLHTTP", path: "Sources/Edge/CLLHTTP", cSettings: [.headerSearchPath("debian12")]),
  .target(name: "CLoopLocal", path: "Sources/Edge/CLoopLocal", cSettings: strictC),
  room("EventLoops", "Edge", ["CLibuv", "CLoopLocal", "Ports"]),
  room("HTTPServer", "Edge", ["CLLHTTP", "EventLoops", "Ports", "Resources", "TLS"]),
  .executableTarget(name: "EdgeBench", dependencies: ["EventLoops", "HTTPServer"], path: "Benchmarks/EdgeBench", swiftSettings: strict),
  tests("EventLoops", ["EventLoops", "Ports"]),
  tests("HTTPServer", ["EventLoops", "HTTPServer", "Ports", "PortsTesting", "Resources"]),
]

// The demo: recorded days to replay, and the report about a run.
targets += [
  room("Replay", "Roles", ["Records"]),
  tests("Replay", ["Replay"]),
  room("Report", "Roles", ["Terminal"]),
  tests("Report", ["Report"]),
]

// The composition root, the only place that knows adapters, and the command line.
targets += [
  .target(
    name: "Trunkline",
    dependencies: [
      "Accounts", "Callouts", "Crypto", "EventLoops", "Gateway", "HTTPClient", "HTTPServer", "Handover", "InProcessHotState",
      "InProcessSignalBus",
      "Ingress", "JSON", "Journal",
      "KafkaAdmin", "KafkaEventLog", "KafkaSettings", "Observability", "PartitionRunner", "RedisClient", "RedisHotState", "RedisSignalBus",
      "PoisonStamp", "Ports", "Projection", "Resources",
      "SQLiteEventLog",
      "TLS", "TaskEvents", "TaskRouting", "Topics", "YAML",
    ],
    path: "Sources/Trunkline", swiftSettings: strict),
  .executableTarget(
    name: "TrunklineCommand",
    dependencies: [
      "APIClient", "Crypto", "DemoReplay", "EventLoops", "Forms", "HTTPClient", "JSON", "KafkaSettings", "Observability", "Options",
      "Ports",
      "RedisClient", "Replay", "Report", "Resources",
      "TLS", "TaskRouting", "Terminal", "Topics", "Trunkline",
    ],
    path: "Sources/TrunklineCommand",
    swiftSettings: strict),
  tests("Trunkline", ["PortsTesting", "Trunkline"]),
]

// Edge: requests to other servers by libcurl, with the address checked when the socket is opened.
targets += [
  .systemLibrary(name: "CCurl", path: "Sources/Edge/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  room("HTTPClient", "Edge", ["CCurl", "EventLoops", "Ports"]),
  tests("HTTPClient", ["EventLoops", "HTTPClient", "Ports", "PortsTesting"]),
]

// The demo's engine: a recorded day through the public API, and the check of what became of it.
targets += [
  room("DemoReplay", "Roles", ["APIClient", "JSON", "Replay", "Report"]),
  tests("DemoReplay", ["DemoReplay", "JSON", "Replay", "Report"]),
]

// Figures: `make bench`.
targets += [
  .executableTarget(
    name: "TrunklineBench",
    dependencies: [
      "APIClient", "EventLoops", "HTTPClient", "Handover", "InProcessHotState", "InProcessSignalBus", "Ingress", "JSON", "Journal",
      "KafkaEventLog", "KafkaSettings", "Machines", "Observability", "PartitionRunner", "Ports", "Projection", "RedisClient",
      "RedisHotState", "RedisSignalBus", "Resources", "SQLiteEventLog", "TaskRouting", "Terminal", "Topics", "Trunkline",
    ],
    path: "Benchmarks/TrunklineBench", swiftSettings: strict)
]

// Work distribution under test, and what it costs.
targets += [
  tests("TaskRouting", ["Expressions", "JSON", "Journal", "Machines", "Resources", "TaskRouting", "Workflows"]),
  tests("Journal", ["Journal", "Resources"], exclude: ["Golden"]),
  tests("TaskEvents", ["JSON", "Journal", "Resources", "TaskEvents", "TaskRouting"], exclude: ["Golden"]),
  .executableTarget(
    name: "RoutingBench", dependencies: ["Journal", "Machines", "Resources", "TaskRouting"], path: "Benchmarks/RoutingBench",
    swiftSettings: strict,
    linkerSettings: [.linkedLibrary("m")]),
]

// What a lifecycle costs in things that can be counted: `make counts`.
targets += [
  .target(name: "CAllocations", path: "Benchmarks/CAllocations", cSettings: strictC),
  .executableTarget(
    name: "Counts",
    dependencies: [
      "CAllocations", "Handover", "InProcessHotState", "Journal", "Machines", "Observability", "PartitionRunner", "Ports", "PortsTesting",
      "Projection", "Resources", "TaskRouting", "Trunkline",
    ],
    path: "Benchmarks/Counts", exclude: ["counts.json"], swiftSettings: strict),
]

// Inputs from outside, read by whatever reads them: the kept ones as tests, and with FUZZ=1 new ones by libFuzzer (`make fuzz`).
let fuzzed: [Target.Dependency] = [
  "Accounts", "Callouts", "Expressions", "Forms", "Gateway", "Gzip", "HTTPClient", "HTTPServer", "Ingress", "JSON", "Journal",
  "KafkaSettings", "Machines", "Options", "Ports", "Projection", "Records", "RedisClient", "Resources", "TaskEvents", "TaskRouting",
  "Workflows",
  "YAML",
]
if Context.environment["FUZZ"] == "1" {
  // C is instrumented too, but has no entry of its own.
  for target in targets where target.type == .regular && target.name.hasPrefix("C") && target.name.dropFirst().first?.isUppercase == true {
    let flags: [String] = ["-fsanitize=fuzzer-no-link"]
    target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(flags)]
    target.cxxSettings = (target.cxxSettings ?? []) + [.unsafeFlags(flags)]
  }
  targets.append(
    .executableTarget(
      name: "Fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["ReplayTests.swift", "corpus"],
      swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
} else {
  targets.append(tests("Fuzz", fuzzed, exclude: ["Entry.swift", "corpus"]))
}

let package = Package(
  name: "trunkline", products: [.executable(name: "trunkline", targets: ["TrunklineCommand"])], targets: targets,
  cLanguageStandard: .c17, cxxLanguageStandard: .cxx17)
