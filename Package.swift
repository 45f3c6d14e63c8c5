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

func tests(_ name: String, _ needs: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: needs, path: "Tests/\(name)", swiftSettings: strict)
}

var targets: [Target] = []

// Core: pure values; no clock, randomness, I/O, locks or async.
targets += [
  room("Resources", "Core"),
  room("Ports", "Core", ["Resources"]),
  room("Journal", "Core", ["Resources"]),
  room("Machines", "Core", ["Journal", "Resources"]),
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
  tests("JSON", ["JSON"]),
  tests("Expressions", ["Expressions", "JSON"]),
  tests("Workflows", ["Workflows", "Expressions", "JSON"]),
]

let package = Package(name: "trunkline", targets: targets, cLanguageStandard: .c17, cxxLanguageStandard: .cxx17)
