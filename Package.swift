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

// Edge: loops on libuv and the HTTP/1.1 server above llhttp.
targets += [
  .systemLibrary(name: "CLibuv", path: "Sources/Edge/CLibuv", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
  // The distribution's sources are compiled as they are, so its warnings are not ours to judge.
  .target(name: "CLLHTTP", path: "Sources/Edge/CLLHTTP", cSettings: [.headerSearchPath("debian12")]),
  .target(name: "CLoopLocal", path: "Sources/Edge/CLoopLocal", cSettings: strictC),
  room("EventLoops", "Edge", ["CLibuv", "CLoopLocal", "Ports"]),
  room("HTTPServer", "Edge", ["CLLHTTP", "EventLoops", "Ports"]),
  .executableTarget(name: "EdgeBench", dependencies: ["EventLoops", "HTTPServer"], path: "Benchmarks/EdgeBench", swiftSettings: strict),
  tests("EventLoops", ["EventLoops", "Ports"]),
  tests("HTTPServer", ["EventLoops", "HTTPServer", "Ports"]),
]

// Edge: requests to other servers by libcurl, with the address checked when the socket is opened.
targets += [
  .systemLibrary(name: "CCurl", path: "Sources/Edge/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  room("HTTPClient", "Edge", ["CCurl", "EventLoops", "Ports"]),
  tests("HTTPClient", ["EventLoops", "HTTPClient", "Ports"]),
]

let package = Package(name: "trunkline", targets: targets, cLanguageStandard: .c17, cxxLanguageStandard: .cxx17)
