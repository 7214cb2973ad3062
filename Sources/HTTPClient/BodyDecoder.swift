package import HTTP

/// Takes a response's body out of what arrives, by its framing. Pure.
package struct BodyDecoder {
    private enum State {
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        case complete
    }

    private var state: State

    package init(_ framing: BodyFraming) {
        state =
            switch framing {
            case .none, .length(0): .complete
            case .length(let count): .length(count)
            case .chunked: .chunked(ChunkedDecoder())
            case .untilClose: .untilClose
            }
    }

    /// Whether the whole body has been taken.
    package var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// Moves the body's bytes from the front of `input` to the end of `output`, at most `room`. What is left of `input`
    /// follows the body, or did not fit.
    package mutating func decode(_ input: inout [UInt8], into output: inout [UInt8], room: Int) throws(ParseError) {
        switch state {
        case .length(let remaining):
            let count = min(remaining, input.count, room)
            move(count, of: &input, to: &output)
            state = count == remaining ? .complete : .length(remaining - count)
        case .untilClose:
            move(min(input.count, room), of: &input, to: &output)
        case .chunked(var decoder):
            let used = try decoder.decode(input.span, into: &output, atMost: room)
            drop(used, of: &input)
            state = decoder.isComplete ? .complete : .chunked(decoder)
        case .complete:
            break
        }
    }

    /// The connection has ended. Only a body that is framed by that end may end so (RFC 9112 §8).
    package mutating func inputDidEnd() throws(ParseError) {
        switch state {
        case .untilClose, .complete: state = .complete
        case .length, .chunked: throw .truncated
        }
    }

    private func move(_ count: Int, of input: inout [UInt8], to output: inout [UInt8]) {
        if count == input.count, output.isEmpty {
            swap(&input, &output)
        } else {
            output.append(contentsOf: input[..<count])
            drop(count, of: &input)
        }
    }

    private func drop(_ count: Int, of input: inout [UInt8]) {
        if count == input.count { input.removeAll(keepingCapacity: true) } else { input.removeFirst(count) }
    }
}
