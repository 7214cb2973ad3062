import CLinux
import Glibc

/// What waits to be written to a stream that has no task.
struct PushQueue {
    /// Bytes shared with other streams; `offset` of the first are written already.
    var items: [SharedBytes] = []
    var firstItem = 0
    var offset = 0
    var byteCount = 0
    var isDirty = false
    var isActive = false
    var onClosed: (() -> Void)?
    var onDrained: (() -> Void)?
}

/// Push mode: bytes are handed over without waiting, and the loop writes them once per turn.
///
/// Everything enqueued during a turn leaves in one `writev(2)`, so that bursts coalesce by themselves. The loop alone
/// keeps the stream alive: no task, and nothing but this object, per connection.
extension ByteStream {
    /// Bytes enqueued and not yet taken by the kernel.
    package var pendingBytes: Int { push.byteCount }

    /// Begins push mode. What the peer still sends is read and thrown away; its end of stream closes this one.
    ///
    /// - Parameters:
    ///   - onClosed: called once, when the stream is closed by either side.
    ///   - onDrained: called whenever everything enqueued was taken by the kernel.
    package func startPushing(onClosed: @escaping () -> Void, onDrained: @escaping () -> Void) {
        loop.preconditionOnLoop()
        push.isActive = true
        push.onClosed = onClosed
        push.onDrained = onDrained
        discardInput()
    }

    /// Appends shared bytes; they are written at the end of the loop's turn. Nothing happens on a closed stream.
    package func enqueue(_ bytes: SharedBytes) {
        guard isOpen, bytes.count > 0 else { return }
        push.items.append(bytes)
        push.byteCount += bytes.count
        guard !push.isDirty else { return }
        push.isDirty = true
        loop.flushAtTurnEnd(self)
    }

    /// Bounds what the kernel keeps for a peer that does not read; by itself its buffer grows to megabytes, which would
    /// stand beside any bound of ours.
    package func limitSendBuffer(to bytes: Int32) {
        loop.preconditionOnLoop()
        guard isOpen else { return }
        _ = clinux_set_send_buffer(descriptor, bytes)
    }

    func pushDidBecome(_ readiness: Readiness) {
        guard push.isActive else { return }
        if readiness.contains(.readable) { discardInput() }
        if readiness.contains(.writable), isOpen, push.byteCount > 0 { flushAtTurnEnd() }
    }

    func pushDidClose() {
        push.items = []
        push.firstItem = 0
        push.byteCount = 0
        push.onDrained = nil
        let onClosed = push.onClosed
        push.onClosed = nil
        onClosed?()
    }

    /// A reader of a stream has nothing more to say: its bytes are dropped, its goodbye is heard.
    private func discardInput() {
        var dropped: [UInt8] = []
        do throws(NetError) {
            // Bounded: a peer that floods its stream is cut.
            for _ in 0..<16 {
                guard let count = try tryRead(into: &dropped, atMost: 4096) else { return }
                if count == 0 { break }
                dropped.removeAll(keepingCapacity: true)
            }
        } catch {}
        close()
    }
}

extension ByteStream: TurnEndFlushable {
    package func flushAtTurnEnd() {
        push.isDirty = false
        guard isOpen, push.byteCount > 0 else { return }
        do {
            while push.byteCount > 0 {
                let count = try writePending()
                if count == 0 { return }
                consume(count)
            }
        } catch {
            close()
            return
        }
        push.onDrained?()
    }

    /// Writes as much as one call takes; 0 when the kernel would block.
    private func writePending() throws(NetError) -> Int {
        guard mayWrite else { return 0 }
        let result: TransferResult
        if let plain = transport as? PlainTransport {
            result = try plain.write(push)
        } else {
            let first = push.items[push.firstItem]
            result = try unsafe transport.write(UnsafeRawBufferPointer(rebasing: first.pointer[push.offset...]))
        }
        switch result {
        case .bytes(let count): return count
        case .endOfStream: throw NetError(.reset, during: "write")
        case .blocked(let direction):
            markBlocked(direction)
            return 0
        }
    }

    private func consume(_ count: Int) {
        push.byteCount -= count
        var rest = count
        while rest > 0 {
            let available = push.items[push.firstItem].count - push.offset
            if rest < available {
                push.offset += rest
                break
            }
            rest -= available
            push.firstItem += 1
            push.offset = 0
        }
        if push.firstItem == push.items.count {
            // A burst's array is given back: an idle stream holds nothing.
            if push.items.capacity > 8 { push.items = [] } else { push.items.removeAll(keepingCapacity: true) }
            push.firstItem = 0
        } else if push.firstItem > 64 {
            push.items.removeFirst(push.firstItem)
            push.firstItem = 0
        }
    }
}

extension PlainTransport {
    /// One `writev(2)` over the first 256 items of the queue.
    fileprivate func write(_ queue: PushQueue) throws(NetError) -> TransferResult {
        let items = queue.items[queue.firstItem...].prefix(256)
        let result: Result<Int?, NetError> = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: items.count)
        {
            vector in
            for (index, item) in items.enumerated() {
                let skipped = index == 0 ? queue.offset : 0
                unsafe vector.initializeElement(
                    at: index,
                    to: iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: item.pointer.baseAddress)?.advanced(by: skipped),
                        iov_len: item.count - skipped))
            }
            do throws(NetError) {
                return .success(
                    try systemCall("writev") {
                        unsafe Glibc.writev(descriptor, vector.baseAddress, Int32(vector.count))
                    })
            } catch {
                return .failure(error)
            }
        }
        guard let count = try result.get() else { return .blocked(on: .writable) }
        return .bytes(count)
    }
}
