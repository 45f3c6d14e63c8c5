import Foundation
import Testing

@testable import Replay

/// The recordings themselves, counted once by other means.
@Suite("Recorded days")
struct RecordedDayTests {
  @Test("the day of the demo gives what was counted in it")
  func sanFrancisco() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Examples/sf-fire-dispatch/calls.csv")
    let file = try ReplayFile([UInt8](Data(contentsOf: path.standardized)))
    let day = try file.day()
    #expect(file.source == .fireDispatch && file.days.count == 1 && file.unreadable == 0)
    #expect(day.date == "2017-01-01")
    #expect(day.tasks.count == 1166 && Set(day.tasks.map(\.id)).count == 1166)
    #expect(day.workers.count == 156 && day.workers.filter(\.hasLifeSupport).count == 87)
    #expect(day.dirt == [.noResponseTime: 42, .noEndOfWork: 3])
    #expect(Dictionary(grouping: day.tasks, by: \.skill).mapValues(\.count) == sanFranciscoSkills)
    let byHour = Dictionary(grouping: day.tasks) { $0.arrival / 3600 }.mapValues(\.count)
    #expect(
      (0..<24).map { byHour[$0] ?? 0 } == [
        91, 79, 88, 67, 29, 27, 29, 28, 25, 27, 38, 73, 52, 41, 36, 40, 79, 25, 43, 64, 67, 44, 37, 37,
      ])
    #expect(day.tasks.first?.arrival == 124 && day.tasks.last?.arrival == 86_389)
    #expect(median(day.tasks.filter { $0.outcome == .served }.map(\.acceptDelay)) == 48)
    #expect(median(day.tasks.filter { !$0.isEstimated }.map(\.work)) == 1066)
    #expect(median(day.tasks.compactMap(\.recordedWait)) == 42)
  }

  private var sanFranciscoSkills: [String: Int] {
    [
      "ENGINE": 418, "MEDIC": 379, "PRIVATE": 126, "TRUCK": 99, "CHIEF": 90, "RESCUE CAPTAIN": 27, "RESCUE SQUAD": 19, "SUPPORT": 7,
      "AIRPORT": 1,
    ]
  }

  private static var bankFile: String? { ProcessInfo.processInfo.environment["TRUNKLINE_TEST_BANK_CSV"] }

  /// The bank's file may not be passed on, so it is not in the repository: name the rows of 1999-02-01 to 21 in `TRUNKLINE_TEST_BANK_CSV`.
  @Test("a day of the bank gives what was counted in it", .enabled(if: bankFile != nil))
  func bank() throws {
    let file = try ReplayFile([UInt8](Data(contentsOf: URL(filePath: #require(Self.bankFile)))))
    #expect(file.source == .callCentre && file.days.count == 21 && file.unreadable == 0)
    let day = try file.day()
    #expect(day.date == "1999-02-02")
    #expect(day.tasks.count == 1753 && day.workers.count == 18)
    #expect(day.tasks.filter { $0.outcome == .abandoned }.count == 190)
    #expect(day.dirt == [.phantom: 11, .noServer: 21, .negativeMenuTime: 1, .noServiceTime: 13, .hungUpInMenu: 47])
  }
}
