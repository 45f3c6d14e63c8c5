import Expressions
import JSON
import Testing

private func orderError(_ text: String) -> ExpressionError? {
  do throws(ExpressionError) { _ = try OrderBy(parsing: text) } catch { return error }
  return nil
}

private func skipError(_ text: String) -> ExpressionError? {
  do throws(ExpressionError) { _ = try SkipIf(parsing: text) } catch { return error }
  return nil
}

@Suite struct OrderingWorkers {
  /// The texts sorted by their keys, equal ones left in place.
  private func sorted(_ texts: [String], _ order: String) throws -> [String] {
    let order = try OrderBy(parsing: order)
    let keyed = texts.enumerated().map { (order.key(of: json($1)), $0, $1) }
    return keyed.sorted { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1 < $1.1 }.map(\.2)
  }

  @Test func directions() throws {
    let levels = [#"{"l":2}"#, #"{"l":-9223372036854775808}"#, #"{"l":9223372036854775807}"#, #"{"l":-1}"#, #"{"l":3.0}"#]
    let up = [levels[1], levels[3], levels[0], levels[4], levels[2]]
    #expect(try sorted(levels, "worker.l ASC") == up)
    #expect(try sorted(levels, "worker.l desc") == Array(up.reversed()))
  }

  @Test(arguments: ["{}", #"{"l":null}"#, #"{"l":"5"}"#, #"{"l":1.5}"#, #"{"l":true}"#, #"{"l":[1]}"#]) func whatIsNoIntegerComesLast(
    _ missing: String
  ) throws {
    for direction in ["ASC", "DESC"] {
      for value in ["-9223372036854775808", "0", "9223372036854775807", "18446744073709551615"] {
        let present = #"{"l":\#(value)}"#
        #expect(try sorted([missing, present], "worker.l \(direction)") == [present, missing])
      }
    }
  }

  @Test func laterClausesBreakTies() throws {
    let a = #"{"s":{"x":1},"n":1}"#
    let b = #"{"s":{"x":1},"n":2}"#
    let c = #"{"s":{"x":2},"n":0}"#
    #expect(try sorted([a, b, c], "worker.s.x DESC, worker.n DESC") == [c, b, a])
    #expect(try sorted([c, b, a], "worker.s.x ASC,worker.n ASC, worker.z DESC, worker.y ASC") == [a, b, c])
    let order = try OrderBy(parsing: "worker.z ASC, worker.z ASC, worker.z ASC, worker.n ASC")
    #expect(order.key(of: json(a)) < order.key(of: json(b)))
    #expect(order.key(of: json(a)) == order.key(of: json(a)))
    #expect(order.text == "worker.z ASC, worker.z ASC, worker.z ASC, worker.n ASC")
  }

  @Test(arguments: [
    "", "worker.l", "l ASC", "task.l ASC", "worker ASC", "worker.l UP", "worker.l ASC,", "worker.l ASC worker.n ASC", "worker.sid ASC",
    "worker.channel.voice.assigned_tasks ASC", "worker.a ASC, worker.b ASC, worker.c ASC, worker.d ASC, worker.e ASC", "1 ASC",
    "worker.l ASC DESC",
  ]) func refused(_ text: String) { #expect(orderError(text) != nil) }

  @Test func tooManyClausesAreNamed() {
    #expect(orderError("worker.a ASC,worker.a ASC,worker.a ASC,worker.a ASC,worker.a ASC")?.expected == "at most 4 clauses")
  }
}

@Suite struct Skipping {
  private static let activity = "WA" + String(repeating: "0", count: 32)

  @Test(arguments: [
    ("workers.available == 0", false), ("workers.available > 1", true), ("workers.unavailable >= 5", true),
    ("workers.unavailable < 5", false),
    ("workers.available != workers.unavailable", true), ("workers.\(activity) == 2", true),
    ("workers.WA\(String(repeating: "f", count: 32)) == 0", true),
    ("1==1", true), ("1 = 0", false), ("workers.available == 2 AND (workers.unavailable == 1 OR workers.\(activity) <= 2)", true),
    ("0 == workers.available", false),
  ]) func counts(_ text: String, _ result: Bool) throws {
    var counts = WorkerCounts()
    counts.available = 2
    counts.unavailable = 5
    counts.byActivity = [Self.activity: 2]
    #expect(try SkipIf(parsing: text).evaluate(counts) == result)
  }

  @Test(arguments: [
    "", "workers.available", "available == 0", "worker.available == 0", "workers == 0", "workers.other == 0", "workers.WA123 == 0",
    "workers.available[0] == 0",
    "workers.available IN [1]", "workers.available HAS 1", "workers.available CONTAINS 1", "[1] == 1", "workers.available NOT IN [1]",
  ]) func refused(_ text: String) { #expect(skipError(text) != nil) }
}
