@testable import Report

extension DemoResult {
  /// A small day that a test may change.
  static func small() -> DemoResult {
    DemoResult(
      title: "A day", subtitle: "made up", madeAt: "2026-01-01 00:00 UTC", start: 0, step: 900, arrivals: [1, 0, 3], backlog: [0, 0, 2],
      waits: [0, 12, 42, 700], recordedWaits: .init(label: "recorded", note: "context", seconds: [30, 60, 90]),
      units: [
        .init(name: "E01", kind: "ENGINE", tasks: 3, busy: 3600, onDuty: 7200),
        .init(name: "M1", kind: "MEDIC", tasks: 1, busy: 9000, onDuty: 7200),
        .init(name: "E02", kind: "ENGINE", tasks: 0, busy: 0, onDuty: 7200),
      ],
      counts: .init(tasksIn: 4, assigned: 4, finished: 4, lost: 0, doublyAssigned: 0, realSeconds: 2, productSeconds: 7200))
  }
}
