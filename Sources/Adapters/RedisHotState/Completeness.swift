import Resources

/// What this process has said and seen of each partition since what is stored last may have changed underneath: a generation.
///
/// An owner that compared marks with one server must not call the partition complete on another, nor on the same one after it was emptied. So a comparison counts only in the
/// generation that it began in, and leaves a witness on the server that must still be there.
struct Completeness {
  private struct Partition {
    /// Something of it was written or asked for here, so that there is something to miss.
    var isTouched = false
    /// The generation in which the witness was sent.
    var witnessed = -1
    /// The generation in which marks were compared.
    var compared = -1
    /// What this process has written as complete.
    var complete: [UInt8]?
  }

  private var partitions: [Int: Partition] = [:]
  private(set) var generation = 0
  private(set) var witness: [UInt8] = []
  private var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func begin() {
    generation += 1
    witness = Array(random.identifier().hex.utf8)
    for partition in partitions.keys { partitions[partition]?.complete = nil }
  }

  mutating func touch(_ partition: Int) { partitions[partition, default: Partition()].isTouched = true }

  /// Whether the witness is still to be sent, ahead of the first comparison.
  mutating func beginComparison(_ partition: Int) -> Bool {
    touch(partition)
    defer { partitions[partition]?.witnessed = generation }
    return partitions[partition]?.witnessed != generation
  }

  mutating func compared(_ partition: Int, in generation: Int) { partitions[partition]?.compared = generation }

  /// The witness that has to be there for the partition to be complete, empty where there is nothing to miss; nil: marks are to be compared first.
  func expectedWitness(_ partition: Int) -> [UInt8]? {
    guard let known = partitions[partition], known.isTouched else { return [] }
    return known.compared == generation ? witness : nil
  }

  mutating func set(_ partition: Int, _ value: [UInt8], in generation: Int) {
    guard generation == self.generation else { return }
    partitions[partition, default: Partition()].complete = value
  }

  /// What should be stored as complete by this process.
  var expected: [(partition: Int, value: [UInt8])] { partitions.compactMap { entry in entry.value.complete.map { (entry.key, $0) } } }
}
