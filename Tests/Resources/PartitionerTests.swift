import Resources
import Testing

@Suite("Partitions of keys") struct PartitionerTests {
  /// Values that Kafka's own Java client is tested with (UtilsTest.testMurmur2).
  static let known: [(key: String, hash: Int32)] = [
    ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
  ]

  @Test("A key hashes as in Kafka's Java clients", arguments: known)
  func java(_ key: String, _ hash: Int32) {
    #expect(Int32(bitPattern: Partitioner.murmur2(key.utf8)) == hash)
    #expect(Partitioner.partition(of: key.utf8, among: 24) == Int(UInt32(bitPattern: hash) & 0x7FFF_FFFF) % 24)
  }

  @Test("A scope's partition is that of its sixteen bytes")
  func scopes() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<1000 {
      let id = Identifier(high: random.next(), low: random.next())
      #expect(Partitioner.partition(of: id, among: 24) == Partitioner.partition(of: id.keyBytes, among: 24))
    }
  }
}
