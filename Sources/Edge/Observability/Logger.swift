/// A structured log: one line per fact, with a constant message and metadata that can be searched.
///
/// The message is a `StaticString`, so that nothing variable hides in it and equal facts have equal messages. The shape is
/// swift-log's. Costs nothing beyond one comparison when the level is off: metadata is not evaluated.
package struct Logger: Sendable {
  /// How grave a fact is; `error` means somebody has to act.
  package enum Level: Int, Sendable, Comparable, CaseIterable {
    case debug
    case info
    case warning
    case error

    /// The lower-case name, as written in the log and read from configuration.
    package var name: String {
      switch self {
      case .debug: "debug"
      case .info: "info"
      case .warning: "warning"
      case .error: "error"
      }
    }

    /// Reads a name; nil for anything but the four names.
    package init?(name: String) {
      guard let level = Level.allCases.first(where: { $0.name == name }) else { return nil }
      self = level
    }

    package static func < (one: Level, other: Level) -> Bool { one.rawValue < other.rawValue }
  }

  /// How a line is written.
  package enum Format: String, Sendable, CaseIterable {
    /// `2026-11-25T06:21:22.123Z INFO  partition opened partition=3`
    case text
    /// `{"time":"…","level":"info","message":"partition opened","partition":"3"}`
    case json
  }

  /// The lowest level that is written.
  package let level: Level
  package let format: Format
  private let inherited: [LogField]
  private let now: @Sendable () -> Int64
  private let sink: @Sendable (String) -> Void
  private let count: (@Sendable (Level) -> Void)?

  /// - Parameters:
  ///   - now: milliseconds since 1970; read once per written line.
  ///   - sink: takes one whole line, newline included, and may be called from any thread.
  package init(
    level: Level = .info, format: Format = .text, now: @escaping @Sendable () -> Int64,
    sink: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
  ) {
    self.init(level: level, format: format, inherited: [], now: now, sink: sink)
  }

  private init(
    level: Level, format: Format, inherited: [LogField], now: @escaping @Sendable () -> Int64,
    sink: @escaping @Sendable (String) -> Void, count: (@Sendable (Level) -> Void)? = nil
  ) {
    self.level = level
    self.format = format
    self.inherited = inherited
    self.now = now
    self.sink = sink
    self.count = count
  }

  /// A log that writes nothing.
  package static let silent = Logger(level: .error, now: { 0 }, sink: { _ in })

  /// A child that adds `metadata` to each of its lines. A key given again replaces the inherited one.
  package func with(_ metadata: KeyValuePairs<String, String>) -> Logger {
    Logger(level: level, format: format, inherited: LogField.merge(inherited, metadata), now: now, sink: sink, count: count)
  }

  /// A child whose lines are counted by level: `trunkline_log_lines_total`.
  package func counted(in metrics: Metrics) -> Logger {
    let counters = Level.allCases.map {
      metrics.counter("trunkline_log_lines_total", help: "Lines written to the log, by level", labels: ["level": $0.name])
    }
    return Logger(
      level: level, format: format, inherited: inherited, now: now, sink: sink, count: { counters[$0.rawValue].add(1) })
  }

  /// Writes one line, if `level` is on.
  package func log(
    _ level: Level, _ message: StaticString, _ metadata: @autoclosure () -> KeyValuePairs<String, String> = [:]
  ) {
    guard level >= self.level else { return }
    let fields = LogField.merge(inherited, metadata())
    count?(level)
    sink(LogLine.render(format, time: now(), level: level, message: message.description, fields: fields))
  }

  /// For whoever searches a fault in the product itself.
  package func debug(_ message: StaticString, _ metadata: @autoclosure () -> KeyValuePairs<String, String> = [:]) {
    log(.debug, message, metadata())
  }

  /// What an operator wants to know in hindsight.
  package func info(_ message: StaticString, _ metadata: @autoclosure () -> KeyValuePairs<String, String> = [:]) {
    log(.info, message, metadata())
  }

  /// Something is worse than it should be and may pass by itself.
  package func warning(_ message: StaticString, _ metadata: @autoclosure () -> KeyValuePairs<String, String> = [:]) {
    log(.warning, message, metadata())
  }

  /// Somebody has to act.
  package func error(_ message: StaticString, _ metadata: @autoclosure () -> KeyValuePairs<String, String> = [:]) {
    log(.error, message, metadata())
  }
}
