import Forms
import JSON
import Ports
import Resources

/// Where a page starts: behind a place in a list, forwards or backwards. Opaque to clients: `PA` or `PB`, the value, the document, the second key's value unless it is 0.
struct PageToken: Sendable {
  var isBackwards: Bool
  var place: ListPlace

  var text: String {
    let second = place.second == 0 ? "" : PageToken.hex(place.second)
    return (isBackwards ? "PB" : "PA") + PageToken.hex(place.value) + place.id.hex + second
  }

  init(isBackwards: Bool, place: ListPlace) {
    self.isBackwards = isBackwards
    self.place = place
  }

  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 50 || bytes.count == 66, text.hasPrefix("PA") || text.hasPrefix("PB"),
      let value = PageToken.number(bytes[2..<18]), let id = Identifier(hex: bytes[18..<50]),
      let second = bytes.count == 50 ? 0 : PageToken.number(bytes[50...])
    else { return nil }
    self.init(isBackwards: text.hasPrefix("PB"), place: ListPlace(value: value, second: second, id: id))
  }

  private static func hex(_ value: Int64) -> String { String(Identifier(high: UInt64(bitPattern: value), low: 0).hex.prefix(16)) }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    Identifier(hex: digits + Array(repeating: 48, count: 16)).map { Int64(bitPattern: $0.high) }
  }
}

/// What of a list a client wants (taskrouter.md 1.4).
struct PageRequest: Sendable {
  var size: Int
  var page: Int
  var token: PageToken?

  init(_ query: Form) throws(APIError) {
    size = 50
    page = 0
    if let text = query.first("PageSize"), !text.isEmpty {
      guard let value = Int(text), (1...1000).contains(value) else {
        throw .invalid("PageSize must be an integer from 1 to 1000; received '\(Parameters.shown(text))'")
      }
      size = value
    }
    if let text = query.first("Page"), !text.isEmpty {
      guard let value = Int(text), value >= 0 else {
        throw .invalid("Page must be an integer of 0 or more; received '\(Parameters.shown(text))'")
      }
      page = value
    }
    if let text = query.first("PageToken"), !text.isEmpty {
      guard let token = PageToken(text) else {
        throw .invalid("PageToken is not one that this server gave out; received '\(Parameters.shown(text))'")
      }
      self.token = token
    } else if page > 0 {
      throw APIError(400, 40153, "Absolute paging is not supported: follow next_page_url instead of sending Page=\(page)")
    }
  }
}

/// A page that was read: documents in list order, and where its neighbours start.
struct Page: Sendable {
  var documents: [Document]
  var next: PageToken?
  var previous: PageToken?
}

extension Ingress {
  /// Reads one page. `keep` filters while reading; at most about 10,000 documents are looked at, so a page may be short, even empty, and still have a next one
  /// (architecture.md, "HotState").
  func page(
    _ list: ListReader, _ request: PageRequest, keep: @Sendable (Document) async throws(APIError) -> Bool
  ) async throws(APIError) -> Page {
    let backwards = request.token?.isBackwards == true
    let limit = min(1001, max(request.size + 1, 100))
    var after = request.token?.place
    var kept: [Document] = []
    var looked = 0
    var isMore = false
    reading: while true {
      let found: ListStretch
      do throws(HotStateFailure) { found = try await list.read(after: after, backwards: backwards, limit: limit) } catch {
        throw Ingress.notNow(error)
      }
      looked += found.looked
      for document in found.documents {
        if try await keep(document) {
          if kept.count == request.size {
            isMore = true
            break reading
          }
          kept.append(document)
        }
        after = list.place(document)
        await turn()
      }
      guard let behind = found.behind else { break }
      after = behind
      if looked >= 10_000 {
        isMore = true
        break
      }
    }
    let ahead = isMore ? after.map { PageToken(isBackwards: backwards, place: $0) } : nil
    let back = request.token == nil ? nil : kept.first.map { PageToken(isBackwards: !backwards, place: list.place($0)) }
    return backwards ? Page(documents: kept.reversed(), next: back, previous: ahead) : Page(documents: kept, next: ahead, previous: back)
  }

  /// The `meta` object with all seven keys, which Java needs (taskrouter.md 1.4).
  func writeMeta(_ json: inout JSONWriter, _ call: Call, key: String, _ request: PageRequest, _ page: Page) {
    func url(_ number: Int, _ token: PageToken?) -> String {
      var fields = call.query.fields.filter { !["Page", "PageSize", "PageToken"].contains($0.name) }.map { ($0.name, $0.value) }
      fields += [("PageSize", String(request.size)), ("Page", String(number))]
      if let token { fields.append(("PageToken", token.text)) }
      return call.base + call.path + "?" + FormText.encode(fields)
    }
    let next = page.next.map { url(request.page + 1, $0) }
    let previous = page.previous.map { url(max(0, request.page - 1), $0) }
    json.key("meta")
    json.beginObject()
    json.member("page", Int64(request.page))
    json.member("page_size", Int64(request.size))
    json.member("first_page_url", url(0, nil))
    json.member("previous_page_url", previous)
    json.member("url", url(request.page, request.token))
    json.member("next_page_url", next)
    json.member("key", key)
    json.endObject()
  }
}
