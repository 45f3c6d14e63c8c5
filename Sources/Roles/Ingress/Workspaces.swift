import Accounts
import Forms
import JSON
import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// Workspaces, and the accounts that own them (taskrouter.md 2.1, voice.md 1.1).
extension Ingress {
  func createWorkspace(_ call: Call) async throws(APIError) -> Answer {
    var request = Request(.createWorkspace)
    request.arguments = try arguments(.createWorkspace, call.form)
    // With a key the workspace is the same one however often it is asked for, so the repeats meet in one partition.
    let id = call.idempotency.map { $0.key.combined(with: Identifier(high: 0x5753, low: 0)) } ?? identifiers.identifier()
    let command = Command(scope: id, account: call.account, idempotency: call.idempotency, body: request.encoded())
    let verdict = try await submit(command, to: "work.commands", call)
    // Its account's partition answers, which may be sooner than its own has shown it to readers.
    if !verdict.isError, !verdict.replayed, let key = verdict.document {
      for _ in 0..<100 {
        if try await get(id, [key])[0] != nil { return try await show(verdict, id, call, side: "") }
        await rest(20)
      }
    }
    return try await show(verdict, id, call, side: "")
  }

  func updateWorkspace(_ id: Identifier, _ call: Call) async throws(APIError) -> Answer {
    var request = Request(.updateWorkspace, target: id)
    request.arguments = try arguments(.updateWorkspace, call.form)
    return try await show(try await perform(request, in: id, call), id, call, side: "")
  }

  func deleteWorkspace(_ id: Identifier, _ call: Call) async throws(APIError) -> Answer {
    _ = try await perform(Request(.deleteWorkspace, target: id), in: id, call)
    return Answer(status: 204)
  }

  func listWorkspaces(_ call: Call) async throws(APIError) -> Answer {
    let request = try PageRequest(call.query)
    let name = call.query.first("FriendlyName").flatMap { $0.isEmpty ? nil : $0 }
    let page = try await page(entries(AccountKind.workspace, call), request) { document async throws(APIError) -> Bool in
      let id = document.key.id
      guard let bytes = try await self.get(id, [DocumentKey(kind: Kind.workspace, id: id)])[0],
        let record = try? WorkspaceRecord(decoding: bytes),
        !record.isDeleted
      else { return false }
      return name == nil || name == record.friendlyName
    }
    var json = JSONWriter(capacity: 2048 * (page.documents.count + 1))
    json.beginObject()
    json.key("workspaces")
    json.beginArray()
    for entry in page.documents {
      let id = entry.key.id
      let key = DocumentKey(kind: Kind.workspace, id: id)
      guard let bytes = try await get(id, [key])[0] else { continue }
      let renderer = renderer(id, call)
      let near = try await neighbours(id, [Document(key: key, bytes: bytes)])
      do throws(DecodingFailure) { try renderer.write(key, bytes, near, &json) } catch {
        throw APIError(500, 20500, "A stored document cannot be read: \(error)")
      }
      await turn()
    }
    json.endArray()
    writeMeta(&json, call, key: "workspaces", request, page)
    json.endObject()
    return .json(200, json.bytes)
  }

  /// What is an account's, by order of creation.
  private func entries(_ kind: UInt8, _ call: Call) -> ListReader {
    ListReader(scope: call.account, hot: accounts, range: DocumentRange(kind: kind, index: 0, limit: 0)) {
      ListPlace(value: (try? EntryRecord(decoding: $0.bytes))?.serial ?? 0, id: $0.key.id)
    }
  }

  // MARK: Accounts

  func account(_ id: Identifier) async throws(APIError) -> AccountRecord? {
    let bytes: [UInt8]?
    do throws(HotStateFailure) { bytes = try await accounts.get(id, [DocumentKey(kind: AccountKind.account, id: id)]).documents[0] } catch {
      throw Ingress.notNow(error)
    }
    return bytes.flatMap { try? AccountRecord(decoding: $0) }
  }

  /// The account that a request is by, after its credentials were checked (voice.md 0.2).
  func authenticate(_ authorization: String?) async throws(APIError) -> (Identifier, AccountRecord) {
    guard let (id, password) = Ingress.credentials(authorization), let record = try await account(id),
      secrets.isSame(Array(record.authToken.utf8), password)
    else { throw .unauthorized }
    guard record.status == .active else {
      throw APIError(403, 20005, "Account \(SIDKind.account.text(id)) is not active (\(record.status.text))")
    }
    return (id, record)
  }

  /// User and password of HTTP Basic (RFC 7617); nil for anything else.
  private static func credentials(_ header: String?) -> (Identifier, password: [UInt8])? {
    guard var header, header.utf8.count <= 4096 else { return nil }
    return header.withUTF8 { text in
      guard text.count > 6, text[5] == UInt8(ascii: " "), zip(text, "basic".utf8).allSatisfy({ $0 | 0x20 == $1 }) else { return nil }
      guard let bytes = Base64.decode(text.dropFirst(6)), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
        let id = SIDKind.account.parse(bytes: bytes[..<colon])
      else { return nil }
      return (id, Array(bytes[(colon + 1)...]))
    }
  }

  /// The account itself, or a subaccount of it; 404 for all others.
  private func reachable(_ text: String, _ call: Call) async throws(APIError) -> (Identifier, AccountRecord) {
    guard let id = SIDKind.account.parse(text), let record = try await account(id), id == call.account || record.owner == call.account
    else {
      throw .notFound(call.path)
    }
    return (id, record)
  }

  func fetchAccount(_ text: String, _ call: Call) async throws(APIError) -> Answer {
    let (id, record) = try await reachable(text, call)
    var json = JSONWriter(capacity: 2048)
    write(id, record, &json)
    return .json(200, json.bytes)
  }

  func createAccount(_ call: Call) async throws(APIError) -> Answer {
    var request = AccountRequest(.createSubaccount)
    request.subject = call.idempotency.map { $0.key.combined(with: Identifier(high: 0x4143, low: 0)) } ?? identifiers.identifier()
    var parameters = Parameters(call.form)
    try parameters.text("FriendlyName", .friendlyName, most: 64)
    request.friendlyName = call.form.first("FriendlyName") ?? "SubAccount Created at \(Dates.twelveHourMinutes(clock.now()))"
    request.token = secrets.token()
    let command = Command(scope: call.account, account: call.account, idempotency: call.idempotency, body: request.encoded())
    let verdict = try await submit(command, to: "account.commands", call)
    let id = verdict.document?.id ?? request.subject
    // The parent's partition answers a repeat, which may be sooner than the subaccount's own has made it and shown it to readers.
    for _ in 0..<100 {
      if let record = try await account(id) { return show(id, record, verdict) }
      await rest(20)
    }
    throw APIError(503, 20503, "The account is recorded but not readable yet; retry with the same Idempotency-Key", retryAfter: 1)
  }

  private func show(_ id: Identifier, _ record: AccountRecord, _ verdict: Verdict) -> Answer {
    var json = JSONWriter(capacity: 2048)
    write(id, record, &json)
    return .json(verdict.status, json.bytes, headers: verdict.replayed ? [("Idempotent-Replayed", "true")] : [])
  }

  func updateAccount(_ text: String, _ call: Call) async throws(APIError) -> Answer {
    let (id, _) = try await reachable(text, call)
    var request = AccountRequest(.update)
    var parameters = Parameters(call.form)
    try parameters.text("FriendlyName", .friendlyName, most: 64, allowsEmpty: false)
    request.friendlyName = call.form.first("FriendlyName")
    request.status = call.form.first("Status").flatMap { $0.isEmpty ? nil : $0 }
    let command = Command(scope: id, account: id, idempotency: call.idempotency, body: request.encoded())
    let verdict = try await submit(command, to: "account.commands", call)
    return show(id, try await reachable(text, call).1, verdict)
  }

  /// A new token for an account (ours: the vendor has it in its console). The old one stops working with the answer.
  func rotateToken(_ text: String, _ call: Call) async throws(APIError) -> Answer {
    let (id, _) = try await reachable(text, call)
    var request = AccountRequest(.rotate)
    request.token = secrets.token()
    let command = Command(scope: id, account: id, idempotency: call.idempotency, body: request.encoded())
    let verdict = try await submit(command, to: "account.commands", call)
    return show(id, try await reachable(text, call).1, verdict)
  }

  /// Own account first, then its subaccounts (voice.md 1.1). The 2010 envelope must have exactly one key beside its own (voice.md 0.5).
  func listAccounts(_ call: Call) async throws(APIError) -> Answer {
    let request = try PageRequest(call.query)
    let name = call.query.first("FriendlyName").flatMap { $0.isEmpty ? nil : $0 }
    let status = call.query.first("Status").flatMap { $0.isEmpty ? nil : $0 }
    if let status, AccountStatus(text: status) == nil {
      throw .invalid("Status must be one of active, suspended, closed; received '\(Parameters.shown(status))'")
    }
    let page = try await page(entries(AccountKind.subaccount, call), request) { document async throws(APIError) -> Bool in
      guard let record = try await self.account(document.key.id) else { return false }
      return (name == nil || name == record.friendlyName) && (status == nil || status == record.status.text)
    }
    var json = JSONWriter(capacity: 2048 * (page.documents.count + 2))
    json.beginObject()
    json.key("accounts")
    json.beginArray()
    var written = 0
    if request.token == nil, name == nil || name == call.record.friendlyName, status == nil || status == call.record.status.text {
      write(call.account, call.record, &json)
      written += 1
    }
    for document in page.documents {
      guard let record = try await account(document.key.id) else { continue }
      write(document.key.id, record, &json)
      written += 1
    }
    json.endArray()
    writeEnvelope(&json, call, request, page, written)
    json.endObject()
    return .json(200, json.bytes)
  }

  private func writeEnvelope(_ json: inout JSONWriter, _ call: Call, _ request: PageRequest, _ page: Page, _ written: Int) {
    func uri(_ number: Int, _ token: PageToken?) -> String {
      var fields = call.query.fields.filter { !["Page", "PageSize", "PageToken"].contains($0.name) }.map { ($0.name, $0.value) }
      fields += [("PageSize", String(request.size)), ("Page", String(number))]
      if let token { fields.append(("PageToken", token.text)) }
      return call.path + "?" + FormText.encode(fields)
    }
    let next = page.next.map { uri(request.page + 1, $0) }
    let previous = page.previous.map { uri(max(0, request.page - 1), $0) }
    json.member("page", Int64(request.page))
    json.member("page_size", Int64(request.size))
    json.member("start", Int64(request.page * request.size))
    json.member("end", Int64(request.page * request.size + max(0, written - 1)))
    json.member("uri", uri(request.page, request.token))
    json.member("first_page_uri", uri(0, nil))
    json.member("next_page_uri", next)
    json.member("previous_page_uri", previous)
  }

  private func write(_ id: Identifier, _ record: AccountRecord, _ json: inout JSONWriter) {
    let sid = SIDKind.account.text(id)
    json.beginObject()
    json.member("auth_token", record.authToken)
    json.member("date_created", Dates.rfc2822(record.created))
    json.member("date_updated", Dates.rfc2822(record.updated))
    json.member("friendly_name", record.friendlyName)
    json.member("owner_account_sid", SIDKind.account.text(record.owner))
    json.member("sid", sid)
    json.member("status", record.status.text)
    json.key("subresource_uris")
    json.beginObject()
    for (name, segment) in [
      ("calls", "Calls"), ("applications", "Applications"), ("incoming_phone_numbers", "IncomingPhoneNumbers"),
      ("outgoing_caller_ids", "OutgoingCallerIds"), ("conferences", "Conferences"), ("queues", "Queues"), ("recordings", "Recordings"),
      ("notifications", "Notifications"), ("sip", "SIP"), ("usage", "Usage"), ("keys", "Keys"), ("signing_keys", "SigningKeys"),
      ("messages", "Messages"), ("transcriptions", "Transcriptions"), ("addresses", "Addresses"), ("connect_apps", "ConnectApps"),
      ("authorized_connect_apps", "AuthorizedConnectApps"), ("available_phone_numbers", "AvailablePhoneNumbers"),
      ("short_codes", "SMS/ShortCodes"), ("balance", "Balance"),
    ] { json.member(name, "/2010-04-01/Accounts/\(sid)/\(segment).json") }
    json.endObject()
    json.member("type", "Full")
    json.member("uri", "/2010-04-01/Accounts/\(sid).json")
    json.endObject()
  }
}

/// Base64 as credentials carry it (RFC 4648 section 4), with or without padding.
enum Base64 {
  static func decode(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> [UInt8]? {
    var out: [UInt8] = []
    out.reserveCapacity(text.count * 3 / 4)
    var bits: UInt32 = 0
    var count = 0
    var padding = 0
    for byte in text {
      let value: UInt32
      switch byte {
      case 65...90: value = UInt32(byte - 65)
      case 97...122: value = UInt32(byte - 71)
      case 48...57: value = UInt32(byte + 4)
      case 43: value = 62
      case 47: value = 63
      case 61:
        padding += 1
        continue
      default: return nil
      }
      guard padding == 0 else { return nil }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return padding <= 2 ? out : nil
  }
}
