import Testing
import YAML

@Suite("YAML")
struct YAMLTests {
  @Test("a file of a topic is a tree of texts with lines")
  func tree() throws {
    let root = try YAMLReader.read(
      """
      # what it is
      name: work.journal
      partitions: {embedded: 4, cluster: 24}   # fixed
      writers: ["owner; fenced", second]
      long: >-
        two
        lines
      """)
    #expect(root[key: "name"] == .scalar("work.journal", line: 2))
    #expect(root[key: "partitions"]?[key: "cluster"]?.text == "24")
    #expect(root[key: "writers"]?.elements?.map(\.text) == ["owner; fenced", "second"])
    #expect(root[key: "writers"]?.line == 4)
    #expect(root[key: "long"]?.text == "two lines")
    #expect(root[key: "nothing"] == nil)
  }

  @Test(
    "what is no document that we read is refused with its line",
    arguments: [
      ("", 1, "is empty"),
      ("# a comment alone\n", 1, "is empty"),
      ("a: 1\nb: [1, 2\nc: 3\n", 3, "did not find expected ',' or ']'"),
      ("a: 1\n\tb: 2\n", 2, "found a tab character that violates indentation"),
      ("a: 1\na: 2\n", 2, "a stands there twice"),
      ("a: &x 1\nb: *x\n", 1, "anchors"),
      ("a: *x\n", 1, "aliases"),
      ("a: !!python/object:os.system 1\n", 1, "tags"),
      ("a: 1\n---\nb: 2\n", 2, "one document"),
      ("a: 1\n? [x]\n: 2\n", 2, "a key must be a text"),
      ("a: \"never closed\n", 2, "unexpected end of stream"),
      ("a: \u{1}\n", 1, "control characters are not allowed"),
    ] as [(String, Int, String)])
  func malformed(text: String, line: Int, reason: String) throws {
    let error = #expect(throws: YAMLError.self) { try YAMLReader.read(text) }
    #expect(error?.line == line)
    #expect(error?.reason.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test("depth and size are bounded")
  func bounds() throws {
    let deep = #expect(throws: YAMLError.self) {
      try YAMLReader.read(String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000))
    }
    #expect(deep?.reason.contains("deeper") == true)
    let large = #expect(throws: YAMLError.self) { try YAMLReader.read("a: " + String(repeating: "x", count: 1 << 20)) }
    #expect(large?.reason.contains("larger") == true)
  }
}
