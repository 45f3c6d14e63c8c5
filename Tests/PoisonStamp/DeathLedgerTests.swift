import Testing

@testable import PoisonStamp

@Suite("DeathLedger")
struct DeathLedgerTests {
  @Test("what is written is read again")
  func roundTrip() throws {
    var ledger = DeathLedger()
    ledger.countedRun = 7
    #expect(ledger.count(.init(input: 255, partition: .max, position: .min)) == 1)
    #expect(ledger.count(.init(input: 0, partition: 0, position: .max)) == 1)
    #expect(ledger.count(.init(input: 255, partition: .max, position: .min)) == 2)
    let again = try DeathLedger(ledger.text, path: "p")
    #expect(again == ledger && again.deaths.map(\.count) == [1, 2])
  }

  @Test("it is bounded, and the oldest deaths go first")
  func bounded() {
    var ledger = DeathLedger()
    let first = DeathLedger.Thing(input: 1, partition: 1, position: 0)
    _ = ledger.count(first)
    for position in 1...Int64(DeathLedger.most) { _ = ledger.count(.init(input: 1, partition: 1, position: position)) }
    #expect(ledger.deaths.count == DeathLedger.most && ledger.count(first) == 1)
  }

  @Test(
    "damage is named, not guessed over", arguments: ["1 2 3 0", "256 2 3 1", "1 -2 3 1", "counted x", "counted 18446744073709551615", "x"])
  func damage(line: String) {
    #expect(throws: PoisonError.self) { try DeathLedger("# head\n" + line + "\n", path: "p") }
  }
}
