import Foundation
import Testing

/// Not in the fuzzing binary. Every input that is kept is read again in each run of the tests, without instrumentation: milliseconds an input.
@Suite("Inputs that fuzzing kept: none of them crashes, hangs or is read in two ways (testing.md, \"Fuzzing\")")
struct ReplayTests {
  private static var corpus: URL { URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("corpus") }

  @Test("Each kept input", arguments: FuzzTarget.all.map(\.name))
  func replay(_ name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let folder = Self.corpus.appendingPathComponent(name)
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    #expect(!files.isEmpty)
    for file in files.sorted(by: { $0.lastPathComponent < $1.lastPathComponent }) {
      let input = Array(try Data(contentsOf: file))
      #expect(throws: Never.self, "\(name)/\(file.lastPathComponent)") { try target.run(input) }
    }
  }

  @Test("No folder of inputs is left without its target")
  func folders() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
    #expect(Set(folders) == Set(FuzzTarget.all.map(\.name)))
  }
}
