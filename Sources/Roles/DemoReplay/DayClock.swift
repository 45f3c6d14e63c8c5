/// Where the product's time cannot be moved it passes by itself, and the recorded day goes by `speed` times as fast. Instants of such a day are milliseconds
/// since 1970, as if it had begun when the replay did.
package struct DayClock: Sendable, Equatable {
  /// How many seconds of the day one second of the server is.
  package var speed: Double
  /// The day's midnight: an instant of the server's clock.
  package var midnight: Int64
  /// The same moment on the driver's own clock, `RealTime.now`.
  package var began: Int64

  package init(speed: Double, midnight: Int64, began: Int64) {
    self.speed = speed
    self.midnight = midnight
    self.began = began
  }

  /// The instant of the day at which the server's clock stood at `instant`. Keeps order, and what was at once stays at once.
  package func day(ofServer instant: Int64) -> Int64 { midnight + stretched(instant - midnight) }

  /// The instant of the day at which the driver's clock stood at `real`.
  package func day(ofReal real: Int64) -> Int64 { midnight + stretched(real - began) }

  /// Real milliseconds that so much of the day takes, rounded up.
  package func real(_ milliseconds: Int64) -> Int64 { Int64((Double(milliseconds) / speed).rounded(.up)) }

  private func stretched(_ milliseconds: Int64) -> Int64 { Int64((Double(milliseconds) * speed).rounded()) }
}
