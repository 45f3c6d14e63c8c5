import Foundation
import KafkaAdmin
import KafkaSettings
import Testing
import Topics
import Trunkline

/// A real broker for tests: `TRUNKLINE_TEST_KAFKA=host:port`, and `TRUNKLINE_TEST_KAFKA_SASL=host:port` for one that asks for a password
/// (admin/admin-secret may do all, app/app-secret nothing).
enum TestBroker {
  static let plain = named("TRUNKLINE_TEST_KAFKA")
  static let secured = named("TRUNKLINE_TEST_KAFKA_SASL", isRequired: false)
  static let isRequired = ProcessInfo.processInfo.environment["TRUNKLINE_REQUIRE_CLUSTER"] == "1"

  private static func named(_ name: String, isRequired: Bool = true) -> String? {
    if let found = ProcessInfo.processInfo.environment[name], !found.isEmpty { return found }
    print("SKIPPED: tests of topics on a real broker need \(name)=host:port")
    return nil
  }

  /// Names of a test are its own on a broker that others use too.
  static func prefix() -> String { "t\(UUID().uuidString.prefix(8))." }

  static func administration(_ prefix: String, partitions: Int? = 3) throws -> TopicAdministration {
    var options = TopicPlanOptions()
    options.prefix = prefix
    options.profile = .development
    options.partitions = partitions
    return TopicAdministration(settings: KafkaSettings(bootstrap: try #require(plain)), options: options)
  }
}

@Suite("A broker is required where the environment says so")
struct RequiredBrokerTests {
  @Test("TRUNKLINE_REQUIRE_CLUSTER=1 comes with a broker")
  func required() { #expect(!TestBroker.isRequired || TestBroker.plain != nil, "TRUNKLINE_TEST_KAFKA=host:port is needed") }
}

@Suite("Topics on a real broker", .enabled(if: TestBroker.plain != nil))
struct KafkaAdminTests {
  @Test("given nothing, when topics are applied, then check finds all as it should be, and applying again does nothing")
  func fromNothing() async throws {
    let administration = try TestBroker.administration(TestBroker.prefix())
    #expect(try await administration.plan().count == TopicTable.all.count)
    #expect(try await administration.apply { _ in }.isEmpty)
    #expect(try await administration.plan().isEmpty)
    #expect(try await administration.apply { step in Issue.record("\(step.lines)") }.isEmpty)
  }

  @Test("given settings that drifted and one of the operator's, when applied, then the first are as before and the other stays")
  func drift() async throws {
    let administration = try TestBroker.administration(TestBroker.prefix())
    _ = try await administration.apply { _ in }
    let name = administration.options.prefix + "work.journal"
    try await KafkaAdmin.perform(administration.settings) { admin throws(KafkaAdminError) in
      try admin.change(name, ["cleanup.policy": "compact", "message.timestamp.type": "CreateTime", "flush.ms": "777"])
    }
    // The broker that is asked hears of the change from the one that took it.
    var steps = try await administration.plan()
    for _ in 0..<100 where steps.isEmpty { steps = try await administration.plan() }
    guard case .change(name, let changes, true)? = steps.first else {
      Issue.record("a journal that is compacted is a danger")
      return
    }
    #expect(
      changes == [
        SettingChange("cleanup.policy", from: "compact", to: "delete"),
        SettingChange("message.timestamp.type", from: "CreateTime", to: "LogAppendTime"),
      ])
    #expect(try await administration.apply { _ in }.isEmpty)
    let settings = try await KafkaAdmin.perform(administration.settings) { admin throws(KafkaAdminError) in
      try admin.describe([name]).topics[name]?.settings ?? [:]
    }
    #expect(settings["cleanup.policy"] == "delete" && settings["flush.ms"] == "777" && settings["retention.ms"] == "-1")
  }

  @Test("given a topic with other partitions, then it is refused and the others are made")
  func otherPartitions() async throws {
    let administration = try TestBroker.administration(TestBroker.prefix())
    let name = administration.options.prefix + "events"
    try await KafkaAdmin.perform(administration.settings) { admin throws(KafkaAdminError) in
      let new = KafkaNewTopic(name: name, partitions: 5, replication: 1, settings: ["max.message.bytes": "2097152"])
      #expect(try admin.create([new]).isEmpty)
      #expect(try admin.create([new]) == [name])
    }
    let left = try await administration.apply { _ in }
    #expect(left == [.refuse(topic: name, .partitions(present: 5, wanted: 3))])
  }

  @Test("a production set-up is refused where one broker is all there is, and nothing is made")
  func production() async throws {
    var administration = try TestBroker.administration(TestBroker.prefix())
    administration.options.profile = .production
    let left = try await administration.apply { step in Issue.record("\(step.lines)") }
    #expect(left.count == TopicTable.all.count && left.allSatisfy(\.isRefusal))
  }

  @Test("a node is told what is missing and what to run, and that one broker is for development")
  func nodeCheck() async throws {
    let administration = try TestBroker.administration(TestBroker.prefix())
    let before = try await TopicCheck.run(administration.settings, prefix: administration.options.prefix)
    #expect(before.filter(\.isFatal).last?.text.hasPrefix("run: trunkline topics apply --kafka ") == true)
    #expect(before.filter(\.isFatal).first?.text.hasSuffix("is missing") == true)
    _ = try await administration.apply { _ in }
    let after = try await TopicCheck.run(administration.settings, prefix: administration.options.prefix)
    #expect(after.map(\.isFatal) == [false])
    let strict = try await TopicCheck.run(administration.settings, prefix: administration.options.prefix, isDevelopment: false)
    #expect(strict.contains { $0.isFatal && $0.text.contains("3 are wanted") })
  }

  @Test("what brokers do not take is told in their words")
  func refused() async throws {
    let settings = KafkaSettings(bootstrap: try #require(TestBroker.plain))
    let error = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(settings) { admin throws(KafkaAdminError) in
        _ = try admin.create([
          KafkaNewTopic(name: TestBroker.prefix() + "x", partitions: 1, replication: 1, settings: ["retention.ms": "soon"])
        ])
      }
    }
    guard case .refused("Create", _, let reason)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("retention.ms"))
  }
}

@Suite("Brokers that cannot be asked")
struct KafkaAdminFailureTests {
  @Test("nobody there: named with brokers and reason")
  func unreachable() async throws {
    let error = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(KafkaSettings(bootstrap: "127.0.0.1:1"), patience: 1000) { admin throws(KafkaAdminError) in
        try admin.describe(["x"])
      }
    }
    guard case .unreachable("127.0.0.1:1", let reason)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(reason.contains("refused"))
  }

  @Test("a setting that the client does not know is named, one that it does not take without its value")
  func settings() async throws {
    let unknown = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(KafkaSettings(bootstrap: "127.0.0.1:1", extra: ["no.such": "1"])) { _ in }
    }
    #expect(unknown == .setting(name: "no.such", reason: "librdkafka has no such setting"))
    let wrong = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(KafkaSettings(bootstrap: "127.0.0.1:1", extra: ["security.protocol": "S3CRET"])) { _ in }
    }
    #expect(wrong == .setting(name: "security.protocol", reason: "librdkafka does not take that value"))
  }
}

@Suite("A broker that asks for a password", .enabled(if: TestBroker.secured != nil))
struct SecuredBrokerTests {
  private func settings(_ user: String, _ password: String) throws -> KafkaSettings {
    KafkaSettings(
      bootstrap: try #require(TestBroker.secured),
      extra: ["security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": user, "sasl.password": password])
  }

  @Test("who may do all, can")
  func admin() async throws {
    let cluster = try await KafkaAdmin.perform(try settings("admin", "admin-secret")) { admin throws(KafkaAdminError) in
      try admin.describe(["x"])
    }
    #expect(cluster.brokers >= 1)
  }

  @Test("a wrong password is told at once and not shown")
  func wrongPassword() async throws {
    let error = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(try settings("admin", "S3CRET")) { admin throws(KafkaAdminError) in try admin.describe(["x"]) }
    }
    guard case .notAuthenticated? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.description.contains("S3CRET") == false)
  }

  @Test("a missing right is named with its resource")
  func missingRight() async throws {
    let name = TestBroker.prefix() + "x"
    let asking = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(try settings("app", "app-secret")) { admin throws(KafkaAdminError) in try admin.describe([name]) }
    }
    #expect(asking == .notAuthorized(right: "DescribeConfigs", resource: "topic \(name)"))
    let making = await #expect(throws: KafkaAdminError.self) {
      try await KafkaAdmin.perform(try settings("app", "app-secret")) { admin throws(KafkaAdminError) in
        try admin.create([KafkaNewTopic(name: name, partitions: 1, replication: 1, settings: [:])])
      }
    }
    #expect(making == .notAuthorized(right: "Create", resource: "topic \(name)"))
  }
}

@Suite("Files of topics")
struct TopicFilesTests {
  private let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "topics").path

  @Test("the repository's files say what the binary's table says")
  func agree() throws {
    let read = try TopicFiles.read(folder: folder)
    #expect(read.sorted { $0.name < $1.name } == TopicTable.all.sorted { $0.name < $1.name })
  }

  @Test(
    "a copy that was changed wrongly is refused with file and line",
    arguments: [
      ("cluster: 24", "cluster: many", "events.yaml:3: partitions.cluster must be a whole number"),
      ("time: 7d", "time: a week", "events.yaml:6: retention.time must be a duration such as 7d"),
      ("cleanup: delete", "cleanup: compact", "events.yaml:6: retention.tombstones_at_least must be a duration"),
      ("cleanup: delete", "cleanup: shred", "events.yaml:5: cleanup must be one of none, compact, delete; received shred"),
      ("name: events", "name: event", "events.yaml:2: name must be that of the file"),
      ("name: events", "name: [", "events.yaml:4: did not find expected"),
      ("cluster: 24", "cluster: 12", "partitions.cluster must be that of"),
    ])
  func wrong(old: String, new: String, expected: String) throws {
    let copy = FileManager.default.temporaryDirectory.appending(path: "topics-\(UUID().uuidString)")
    try FileManager.default.copyItem(atPath: folder, toPath: copy.path)
    defer { try? FileManager.default.removeItem(at: copy) }
    let file = copy.appending(path: "events.yaml")
    let text = try String(contentsOf: file, encoding: .utf8)
    try text.replacingOccurrences(of: old, with: new).write(to: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: NodeFailure.self) { try TopicFiles.read(folder: copy.path) }
    #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
  }
}
