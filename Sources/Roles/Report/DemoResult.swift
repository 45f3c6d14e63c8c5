/// What a replayed day came to: all that the report shows. A pure value; times are seconds.
package struct DemoResult: Sendable {
  /// The heading of the page.
  package var title: String
  /// One line below the title: what was replayed, from where, how fast.
  package var subtitle: String
  /// When the report was made, as text; the report reads no clock.
  package var madeAt: String

  /// Seconds after midnight at which the curves start.
  package var start: Int
  /// Seconds that one value of the curves covers, ≥ 1.
  package var step: Int
  /// New tasks in each step.
  package var arrivals: [Int]
  /// Most tasks that waited at once in each step.
  package var backlog: [Int]

  /// Seconds from a task's creation to the reservation that was accepted, for each assigned task, in any order; product time.
  package var waits: [Double]
  /// The same of the recording, or another distribution to see beside it, with what it is.
  package var recordedWaits: Labelled?
  package var units: [Unit]
  package var counts: Counts
  package var abandonment: Abandonment?

  /// Another distribution, and what a reader must know to read it.
  package struct Labelled: Sendable {
    /// E.g. `recorded: entry to dispatch`.
    package var label: String
    /// E.g. `includes call-taking: context, not a comparison`.
    package var note: String
    package var seconds: [Double]

    package init(label: String, note: String, seconds: [Double]) {
      self.label = label
      self.note = note
      self.seconds = seconds
    }
  }

  /// A worker's day.
  package struct Unit: Sendable {
    package var name: String
    /// By what it is grouped, e.g. its skill.
    package var kind: String
    package var tasks: Int
    /// Seconds with a task in hand.
    package var busy: Double
    /// Seconds on duty.
    package var onDuty: Double

    package init(name: String, kind: String, tasks: Int, busy: Double, onDuty: Double) {
      self.name = name
      self.kind = kind
      self.tasks = tasks
      self.busy = busy
      self.onDuty = onDuty
    }

    /// 0 to 1; more than all of its duty counts as all, and so does work without duty.
    package var utilisation: Double { busy <= 0 ? 0 : onDuty <= 0 ? 1 : min(1, busy / onDuty) }
  }

  package struct Counts: Sendable {
    package var tasksIn: Int
    package var assigned: Int
    package var finished: Int
    /// Cancelled because the caller gave up.
    package var abandoned: Int
    /// In, but neither finished nor abandoned at the end.
    package var lost: Int
    /// Held by two workers at once.
    package var doublyAssigned: Int
    /// Requests to the public API, if counted.
    package var requests: Int?
    /// Seconds of real time that the replay took.
    package var realSeconds: Double
    /// Seconds of product time that it covered.
    package var productSeconds: Double

    package init(
      tasksIn: Int, assigned: Int, finished: Int, abandoned: Int = 0, lost: Int, doublyAssigned: Int, requests: Int? = nil,
      realSeconds: Double,
      productSeconds: Double
    ) {
      self.tasksIn = tasksIn
      self.assigned = assigned
      self.finished = finished
      self.abandoned = abandoned
      self.lost = lost
      self.doublyAssigned = doublyAssigned
      self.requests = requests
      self.realSeconds = realSeconds
      self.productSeconds = productSeconds
    }

    /// Finished tasks a second of real time.
    package var throughput: Double { realSeconds > 0 ? Double(finished) / realSeconds : 0 }
    /// Nothing lost, nothing held twice.
    package var isClean: Bool { lost == 0 && doublyAssigned == 0 }
  }

  /// How many gave up: in the recording and in the replay.
  package struct Abandonment: Sendable {
    package var callers: Int
    package var recorded: Int
    package var ours: Int
    /// What a reader must know to compare them.
    package var note: String

    package init(callers: Int, recorded: Int, ours: Int, note: String) {
      self.callers = callers
      self.recorded = recorded
      self.ours = ours
      self.note = note
    }
  }

  package init(
    title: String, subtitle: String, madeAt: String, start: Int, step: Int, arrivals: [Int], backlog: [Int], waits: [Double],
    recordedWaits: Labelled? = nil, units: [Unit], counts: Counts, abandonment: Abandonment? = nil
  ) {
    self.title = title
    self.subtitle = subtitle
    self.madeAt = madeAt
    self.start = start
    self.step = max(1, step)
    self.arrivals = arrivals
    self.backlog = backlog
    self.waits = waits
    self.recordedWaits = recordedWaits
    self.units = units
    self.counts = counts
    self.abandonment = abandonment
  }
}
