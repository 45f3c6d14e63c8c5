/// Why a configuration is not acceptable, and where in it.
package struct WorkflowError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Such as `task_routing.filters[2].targets[0].expression`; empty for the text as a whole.
  package let place: String
  package let reason: String

  package var description: String { place.isEmpty ? reason : "\(place): \(reason)" }
}
