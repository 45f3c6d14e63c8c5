import Foundation
import PortsTesting
import Synchronization

/// Many histories on all cores, and what came of them.
struct Campaign {
  private struct Progress {
    var next: UInt64
    var done = 0
    var simulated: Int64 = 0
    var failed: [(seed: UInt64, why: String)] = []
  }
  let choice: Choice

  init(_ choice: Choice) { self.choice = choice }

  /// Answers the exit code. The last line is "N passed, M failed".
  func run() -> Int32 {
    let begun = ContinuousClock.now
    let kept = Seeds.kept.filter { !(choice.from..<choice.from + choice.seeds).contains($0) }
    let all = UInt64(kept.count) + choice.seeds
    let progress = Mutex(Progress(next: 0))
    DispatchQueue.concurrentPerform(iterations: choice.jobs) { _ in
      while true {
        let place = progress.withLock { p -> UInt64? in
          guard p.next < all, p.failed.count < choice.failures else { return nil }
          defer { p.next += 1 }
          return p.next
        }
        guard let place else { return }
        let seed = place < kept.count ? kept[Int(place)] : choice.from + place - UInt64(kept.count)
        let (simulated, why) = Campaign.history(seed)
        progress.withLock { p in
          p.done += 1
          p.simulated += simulated
          guard let why else { return }
          p.failed.append((seed, why))
          print("simulate: seed \(seed) after \(p.done): \(why)")
          fflush(nil)
        }
      }
    }
    let (done, simulated, failed) = progress.withLock { ($0.done, $0.simulated, $0.failed) }
    let seconds = max(0.001, Double((ContinuousClock.now - begun).components.seconds) + 0.5)
    print(
      "simulate: \(done) histories, \(Int(Double(done) * 60 / seconds)) a minute, \(Int(Double(simulated) / 1000 / seconds)) simulated hours an hour"
    )
    for (seed, _) in failed.sorted(by: { $0.seed < $1.seed }) { print("simulate: make simulate SEED=\(seed)") }
    print("\(done - failed.count) passed, \(failed.count) failed")
    return failed.isEmpty && done > 0 ? 0 : 1
  }

  /// Milliseconds that passed in it, and what went wrong.
  private static func history(_ seed: UInt64) -> (simulated: Int64, failure: String?) {
    var history = History(seed: seed)
    do {
      try history.run(steps: History.steps)
      return (history.world.clock.monotonic(), nil)
    } catch {
      return (history.world.clock.monotonic(), "\(error)")
    }
  }
}

/// One history, with everything that was done to it on the way.
func replay(_ seed: UInt64) -> Int32 {
  var history = History(seed: seed, trace: { print($0) })
  do {
    try history.run(steps: History.steps)
    print("simulate: seed \(seed) comes right\n1 passed, 0 failed")
    return 0
  } catch {
    print("simulate: seed \(seed): \(error)\n0 passed, 1 failed")
    return 1
  }
}
