import Synchronization

/// Loops that share one job, usually one a core.
package final class LoopGroup: Sendable {
  package let loops: [EventLoop]
  private let turn = Atomic(0)

  /// Starts `count` loops (at least one), named `name`-0, `name`-1, …
  package init(count: Int, name: String = "loop") throws(EventLoopError) {
    var loops: [EventLoop] = []
    for index in 0..<max(1, count) { loops.append(try EventLoop.spawn(name: "\(name)-\(index)")) }
    self.loops = loops
  }

  /// The loops in turn.
  package func next() -> EventLoop {
    let index = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    return loops[Int(UInt(bitPattern: index) % UInt(loops.count))]
  }

  /// Stops every loop and waits for its thread.
  package func stop() { for loop in loops { loop.stop() } }
}
