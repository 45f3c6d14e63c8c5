import Foundation
package import KafkaSettings
package import Topics
import YAML

/// Reads topics from a reviewed copy of the folder `topics/`.
package enum TopicFiles {
  /// Every `*.yaml` there but the description of the public ones for other tools. Errors: `NodeFailure` with file, line and rule.
  package static func read(folder: String) throws(NodeFailure) -> [Topic] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw NodeFailure("--from: \(folder) is not a folder that can be read")
    }
    var topics: [Topic] = []
    for name in names.sorted() where name.hasSuffix(".yaml") && name != "asyncapi.yaml" {
      let path = "\(folder)/\(name)"
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw NodeFailure("\(path) cannot be read as UTF-8") }
      do throws(YAMLError) { topics.append(try topic(text, name: String(name.dropLast(5)))) } catch {
        throw NodeFailure("\(path):\(error.line): \(error.reason)")
      }
    }
    try complete(topics, folder)
    return topics
  }

  /// A node uses all of them and no others: a copy may change what they are, not which.
  private static func complete(_ topics: [Topic], _ folder: String) throws(NodeFailure) {
    let known = Set(TopicTable.all.map(\.name))
    let found = Set(topics.map(\.name))
    if let missing = known.subtracting(found).min() { throw NodeFailure("--from: \(folder) has no file \(missing).yaml") }
    if let strange = found.subtracting(known).min() { throw NodeFailure("--from: \(folder)/\(strange).yaml: there is no such topic") }
    if let mistake = Topic.mistakes(topics).first { throw NodeFailure("\(folder)/\(mistake.topic).yaml: \(mistake.rule)") }
  }

  /// One file; `name` is what it is called, without its ending.
  static func topic(_ text: String, name: String) throws(YAMLError) -> Topic {
    let root = try YAMLReader.read(text)
    let file = TopicFile(root)
    let written = try file.text("name")
    guard written == name else {
      throw YAMLError(line: file.line("name"), reason: "name must be that of the file, \(name); received \(written)")
    }
    let cleanup = try file.choice("cleanup", TopicCleanup.self)
    let retention = try file.retention(cleanup)
    return Topic(
      name, embedded: try file.number("partitions", "embedded"), cluster: try file.number("partitions", "cluster"), retention: retention,
      timestamps: try file.choice("timestamps", TopicTimestamps.self), durability: try file.choice("durability", TopicDurability.self),
      visibility: try file.choice("visibility", TopicVisibility.self))
  }

  /// `--kafka` and the file of `--kafka-config`.
  package static func settings(kafka: String, file: String?) throws(NodeFailure) -> KafkaSettings {
    var text: String?
    if let file {
      guard let read = try? String(contentsOfFile: file, encoding: .utf8) else {
        throw NodeFailure("--kafka-config: \(file) cannot be read")
      }
      text = read
    }
    do { return try KafkaSettings(bootstrap: kafka, file: text, path: file ?? "") } catch { throw NodeFailure("\(error)") }
  }
}

/// The fields of one file, with errors that name line, field and rule.
private struct TopicFile {
  let root: YAMLValue

  init(_ root: YAMLValue) { self.root = root }

  func line(_ field: String) -> Int { root[key: field]?.line ?? 1 }

  func text(_ field: String) throws(YAMLError) -> String {
    guard let text = root[key: field]?.text, !text.isEmpty else {
      throw YAMLError(line: line(field), reason: "\(field) must be there, a text")
    }
    return text
  }

  func choice<Value: RawRepresentable & CaseIterable>(_ field: String, _ type: Value.Type) throws(YAMLError) -> Value
  where Value.RawValue == String {
    let text = try text(field)
    guard let value = Value(rawValue: text) else {
      let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw YAMLError(line: line(field), reason: "\(field) must be one of \(known); received \(text)")
    }
    return value
  }

  func number(_ field: String, _ part: String) throws(YAMLError) -> Int {
    let value = root[key: field]?[key: part]
    guard let number = value?.text.flatMap({ Int($0) }), (1...10_000).contains(number) else {
      throw YAMLError(
        line: value?.line ?? line(field),
        reason: "\(field).\(part) must be a whole number from 1 to 10000; received \(value?.text ?? "nothing")")
    }
    return number
  }

  func retention(_ cleanup: TopicCleanup) throws(YAMLError) -> TopicRetention {
    switch cleanup {
    case .none:
      guard let bound = root[key: "retention"]?[key: "bound"]?.text else {
        throw YAMLError(line: line("retention"), reason: "retention.bound must say whose position is trimmed to, since cleanup is none")
      }
      return .position(atLeast: try duration("at_least"), bound: bound)
    case .compact:
      return .latest(tombstones: try duration("tombstones_at_least"), embeddedTombstones: try duration("embedded_tombstones_at_least"))
    case .delete: return .time(try duration("time"))
    }
  }

  private func duration(_ part: String) throws(YAMLError) -> Int64 {
    let value = root[key: "retention"]?[key: part]
    guard let milliseconds = value?.text.flatMap(TopicText.milliseconds) else {
      throw YAMLError(
        line: value?.line ?? line("retention"),
        reason: "retention.\(part) must be a duration such as 7d or 12h; received \(value?.text ?? "nothing")")
    }
    return milliseconds
  }
}
