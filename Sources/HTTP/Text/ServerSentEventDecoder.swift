/// Reads an event stream as a browser does (WHATWG HTML §9.2.6), for clients and tests.
package struct ServerSentEventDecoder: Sendable {
    package enum Item: Sendable, Equatable {
        /// Its `id` is the one this event carried, not one it inherited.
        case event(ServerSentEvent)
        /// Without the colon and the one space after it.
        case comment(String)
        /// A `retry` field: clients obey it at once, whether or not an event follows.
        case retry(Duration)
    }

    /// The id to send as Last-Event-ID after a reconnect; changes when an event ends.
    package private(set) var lastEventID = ""

    private let limit: Int
    private var line: [UInt8] = []
    private var sawCarriageReturn = false
    private var isFirstLine = true
    private var id: String?
    private var event: String?
    private var data: [UInt8]?

    /// - Parameter limit: how many bytes one event may have; a larger one ends in `contentTooLarge`.
    package init(limit: Int = 1 << 20) {
        self.limit = limit
    }

    /// What `bytes` complete, in order. An event whose empty line never comes is never delivered, as the standard
    /// demands.
    package mutating func feed(_ bytes: some Sequence<UInt8>) throws(ParseError) -> [Item] {
        var items: [Item] = []
        for byte in bytes {
            let followsCarriageReturn = sawCarriageReturn
            sawCarriageReturn = byte == ASCII.carriageReturn
            switch byte {
            case ASCII.lineFeed where followsCarriageReturn:
                break
            case ASCII.lineFeed, ASCII.carriageReturn:
                endLine(&items)
            default:
                guard line.count + (data?.count ?? 0) < limit else { throw .contentTooLarge }
                line.append(byte)
            }
        }
        return items
    }

    private mutating func endLine(_ items: inout [Item]) {
        var content = line[...]
        // One byte order mark may stand before everything.
        if isFirstLine, content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
        isFirstLine = false
        if content.isEmpty {
            endEvent(&items)
        } else {
            readField(content, &items)
        }
        line.removeAll(keepingCapacity: true)
    }

    private mutating func readField(_ content: ArraySlice<UInt8>, _ items: inout [Item]) {
        let colon = content.firstIndex(of: ASCII.colon) ?? content.endIndex
        var value = content[colon...].dropFirst()
        if value.first == ASCII.space { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: content[..<colon], as: UTF8.self) {
        case "":
            items.append(.comment(text))
        case "data":
            if data == nil { data = [] } else { data?.append(ASCII.lineFeed) }
            data?.append(contentsOf: value)
        case "event":
            event = text
        case "id" where !value.contains(0):
            id = text
        case "retry" where !value.isEmpty && value.allSatisfy(ASCII.isDigit):
            if let milliseconds = Int(text) { items.append(.retry(.milliseconds(milliseconds))) }
        default:
            break
        }
    }

    private mutating func endEvent(_ items: inout [Item]) {
        if let id { lastEventID = id }
        if let data, let item = ServerSentEvent(id: id, event: event == "" ? nil : event, data: data) {
            items.append(.event(item))
        }
        id = nil
        event = nil
        data = nil
    }
}
