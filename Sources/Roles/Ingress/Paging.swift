import Forms
import JSON
import Ports
import Resources

/// Where a page starts: behind a document in a list, forwards or backwards. Opaque to clients: `PA` or `PB`, the place, the document.
struct PageToken: Sendable {
  var isBackwards: Bool
  var value: Int64
  var id: Identifier

  var text: String { (isBackwards ? "PB" : "PA") + Identifier(high: UInt64(bitPattern: value), low: 0).hex.prefix(16) + id.hex }

  init(isBackwards: Bool, value: Int64, id: Identifier) {
    self.isBackwards = isBackwards
    self.value = value
    self.id = id
  }

  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 50, text.hasPrefix("PA") || text.hasPrefix("PB"),
      let place = Identifier(hex: bytes[2..<18] + Array(repeating: 48, count: 16)), let id = Identifier(hex: bytes[18...])
    else { return nil }
    self.init(isBackwards: text.hasPrefix("PB"), value: Int64(bitPattern: place.high), id: id)
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

/// A page that was read: documents in list order, and what lies around them.
struct Page: Sendable {
  var documents: [Document]
  var hasNext: Bool
  var hasPrevious: Bool
}

extension Ingress {
  /// Reads one page. `keep` filters while reading; at most 10,000 documents are looked at, so a page may be short and still have a next one (architecture.md, "HotState").
  func page(
    _ scope: Identifier, in hot: any HotReads, _ range: DocumentRange, _ request: PageRequest,
    _ place: @Sendable (Document) -> Int64, keep: @Sendable (Document) async throws(APIError) -> Bool
  ) async throws(APIError) -> Page {
    let backwards = request.token?.isBackwards == true
    var after = request.token.map { (value: $0.value, id: $0.id) }
    var kept: [Document] = []
    var examined = 0
    var isMore = false
    reading: while true {
      var step = range
      step.after = after
      step.ascending = range.ascending != backwards
      step.limit = min(1001, max(request.size + 1, 100))
      let found: [Document]
      do throws(HotStateFailure) { found = try await hot.list(scope, step).documents } catch { throw Ingress.notNow(error) }
      for document in found {
        examined += 1
        guard try await keep(document) else {
          after = (place(document), document.key.id)
          continue
        }
        if kept.count == request.size {
          isMore = true
          break reading
        }
        kept.append(document)
        after = (place(document), document.key.id)
      }
      if found.count < step.limit { break }
      if examined >= 10_000 {
        isMore = true
        break
      }
    }
    return Page(
      documents: backwards ? kept.reversed() : kept, hasNext: backwards ? request.token != nil : isMore,
      hasPrevious: backwards ? isMore : request.token != nil)
  }

  /// The `meta` object with all seven keys, which Java needs (taskrouter.md 1.4).
  func writeMeta(
    _ json: inout JSONWriter, _ call: Call, key: String, _ request: PageRequest, _ page: Page, _ place: (Document) -> Int64
  ) {
    func url(_ number: Int, _ token: PageToken?) -> String {
      var fields = call.query.fields.filter { !["Page", "PageSize", "PageToken"].contains($0.name) }.map { ($0.name, $0.value) }
      fields += [("PageSize", String(request.size)), ("Page", String(number))]
      if let token { fields.append(("PageToken", token.text)) }
      return call.base + call.path + "?" + FormText.encode(fields)
    }
    let next =
      page.hasNext
      ? page.documents.last.map { url(request.page + 1, PageToken(isBackwards: false, value: place($0), id: $0.key.id)) } : nil
    let previous =
      page.hasPrevious
      ? page.documents.first.map { url(max(0, request.page - 1), PageToken(isBackwards: true, value: place($0), id: $0.key.id)) } : nil
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
