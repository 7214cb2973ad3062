/// Finds `broadcaster.user_id`, and named members of the outermost object, in a webhook's body without building the whole
/// document: this runs for every webhook, and a full decode costs eight times as much.
///
/// It reads the whole text, so a body that is not JSON (RFC 8259) gives nil. So does one in which the answer would
/// depend on the reader: a doubled or escaped key on the way.
package enum BroadcasterScanner {
    /// The id, or nil when there is none, or none that fits 64 bits.
    package static func broadcasterUserID(in body: [UInt8]) -> Int64? {
        facts(in: body, members: [])?.broadcasterUserID
    }

    /// What was found in a body.
    struct Facts {
        var broadcasterUserID: Int64?
        /// The text of each member that was asked for, as it stands; nil for one that is not there.
        var members: [ArraySlice<UInt8>?]
    }

    /// Nil for what is no JSON object, or would depend on who reads it.
    static func facts(in body: [UInt8], members names: [String]) -> Facts? {
        var scanner = Scanner(text: body, names: names.map { Array($0.utf8) })
        return try? scanner.facts()
    }

    private struct NotJSON: Error {}

    private struct Scanner {
        /// Deeper nesting is refused, so that a hostile text cannot exhaust the stack.
        static let maximumDepth = 64

        let text: [UInt8]
        let names: [[UInt8]]
        var index = 0

        init(text: [UInt8], names: [[UInt8]]) {
            self.text = text
            self.names = names
        }

        mutating func facts() throws(NotJSON) -> Facts {
            var facts = Facts(members: Array(repeating: nil, count: names.count))
            var seen = 0
            skipSpace()
            try object(depth: 1, escapedKeys: .refused) { scanner, key throws(NotJSON) in
                if key.elementsEqual("broadcaster".utf8) {
                    seen += 1
                    facts.broadcasterUserID = try scanner.userID()
                    return
                }
                let start = scanner.index
                try scanner.value(depth: 2)
                guard let name = scanner.names.firstIndex(where: { key.elementsEqual($0) }) else { return }
                guard facts.members[name] == nil else { throw NotJSON() }
                facts.members[name] = scanner.text[start..<scanner.index]
            }
            skipSpace()
            guard index == text.count, seen <= 1 else { throw NotJSON() }
            return facts
        }

        /// The value of `user_id` when an object comes next; passes over any other value.
        private mutating func userID() throws(NotJSON) -> Int64? {
            guard peek == UInt8(ascii: "{") else {
                try value(depth: 2)
                return nil
            }
            var id: Int64?
            var seen = 0
            try object(depth: 2, escapedKeys: .refused) { scanner, key throws(NotJSON) in
                guard key.elementsEqual("user_id".utf8) else { return try scanner.value(depth: 3) }
                seen += 1
                let start = scanner.index
                try scanner.value(depth: 3)
                id = Int64(String(decoding: scanner.text[start..<scanner.index], as: UTF8.self))
            }
            guard seen <= 1 else { throw NotJSON() }
            return id
        }

        // MARK: JSON

        private var peek: UInt8? { index < text.count ? text[index] : nil }

        private mutating func skipSpace() {
            while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
        }

        private mutating func expect(_ byte: UInt8) throws(NotJSON) {
            guard peek == byte else { throw NotJSON() }
            index += 1
        }

        private mutating func accept(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            index += 1
            return true
        }

        /// An escaped key may spell any other; where keys are compared that is refused.
        enum EscapedKeys { case allowed, refused }

        /// Reads an object; `member` gets each key and has to read the value.
        private mutating func object(
            depth: Int, escapedKeys: EscapedKeys, _ member: (inout Scanner, ArraySlice<UInt8>) throws(NotJSON) -> Void
        ) throws(NotJSON) {
            guard depth <= Self.maximumDepth else { throw NotJSON() }
            try expect(UInt8(ascii: "{"))
            skipSpace()
            if accept(UInt8(ascii: "}")) { return }
            repeat {
                skipSpace()
                let start = index
                let hasEscape = try string()
                guard !hasEscape || escapedKeys == .allowed else { throw NotJSON() }
                let key = text[(start + 1)..<(index - 1)]
                skipSpace()
                try expect(UInt8(ascii: ":"))
                skipSpace()
                try member(&self, key)
                skipSpace()
            } while accept(UInt8(ascii: ","))
            try expect(UInt8(ascii: "}"))
        }

        private mutating func array(depth: Int) throws(NotJSON) {
            guard depth <= Self.maximumDepth else { throw NotJSON() }
            try expect(UInt8(ascii: "["))
            skipSpace()
            if accept(UInt8(ascii: "]")) { return }
            repeat {
                skipSpace()
                try value(depth: depth + 1)
                skipSpace()
            } while accept(UInt8(ascii: ","))
            try expect(UInt8(ascii: "]"))
        }

        /// Passes over one value that starts here.
        private mutating func value(depth: Int) throws(NotJSON) {
            switch peek {
            case UInt8(ascii: "{"):
                try object(depth: depth, escapedKeys: .allowed) { scanner, _ throws(NotJSON) in
                    try scanner.value(depth: depth + 1)
                }
            case UInt8(ascii: "["): try array(depth: depth)
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "t"): try word("true")
            case UInt8(ascii: "f"): try word("false")
            case UInt8(ascii: "n"): try word("null")
            default: try number()
            }
        }

        private mutating func word(_ word: StaticString) throws(NotJSON) {
            for byte in word.description.utf8 { try expect(byte) }
        }

        /// Passes over a string; true when it holds an escape.
        private mutating func string() throws(NotJSON) -> Bool {
            try expect(UInt8(ascii: "\""))
            var hasEscape = false
            while let byte = peek {
                index += 1
                switch byte {
                case UInt8(ascii: "\""): return hasEscape
                case UInt8(ascii: "\\"):
                    hasEscape = true
                    guard let escaped = peek else { throw NotJSON() }
                    index += 1
                    switch escaped {
                    case UInt8(ascii: "u"): for _ in 0..<4 { try hexDigit() }
                    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
                        UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                        break
                    default: throw NotJSON()
                    }
                case 0..<0x20: throw NotJSON()
                default: break
                }
            }
            throw NotJSON()
        }

        private mutating func hexDigit() throws(NotJSON) {
            switch peek {
            case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), .some(UInt8(ascii: "a")...UInt8(ascii: "f")),
                .some(UInt8(ascii: "A")...UInt8(ascii: "F")):
                index += 1
            default: throw NotJSON()
            }
        }

        private mutating func number() throws(NotJSON) {
            _ = accept(UInt8(ascii: "-"))
            if !accept(UInt8(ascii: "0")) { try digits() }
            if accept(UInt8(ascii: ".")) { try digits() }
            if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
                if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
                try digits()
            }
        }

        private mutating func digits() throws(NotJSON) {
            let start = index
            while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
            guard index > start else { throw NotJSON() }
        }
    }
}
