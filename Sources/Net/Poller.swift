import CLinux
import Glibc

/// What a descriptor is ready for, or what somebody waits for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// A read will not block: data, or the end of the stream.
    package static let readable = Readiness(rawValue: 1)
    /// A write will not block.
    package static let writable = Readiness(rawValue: 2)
    /// The peer has closed its sending side, or the connection is gone. Reads still yield what has arrived.
    package static let hungUp = Readiness(rawValue: 4)
}

/// Something that a loop tells about its descriptor's readiness, on the loop's thread.
protocol ReadinessHandler: AnyObject {
    func readinessDidChange(_ readiness: Readiness)
}

/// An epoll instance and who is registered with it. Used by its loop's thread only.
///
/// The token of a registration is its slot and the slot's generation, so that an event that the kernel still holds for
/// a closed descriptor is not taken for one of the descriptor that came after it.
@safe
struct Poller: ~Copyable {
    /// How a descriptor is watched.
    enum Mode {
        /// Told once per change, for both directions. The owner reads and writes until the kernel says "would block".
        case edgeTriggered
        /// Told once, for what was asked, then silent until asked again. For descriptors that others read (libpq).
        case oneShot
    }

    private struct Slot {
        var handler: (any ReadinessHandler)?
        var generation: UInt32 = 0
    }

    private let epoll: Int32
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private let events: UnsafeMutableBufferPointer<clinux_event>

    init() throws(NetError) {
        epoll = clinux_epoll_create()
        guard epoll >= 0 else { throw NetError(errno: errno, during: "epoll_create1") }
        unsafe events = .allocate(capacity: 512)
    }

    deinit {
        unsafe events.deallocate()
        close(epoll)
    }

    /// Registers a descriptor; the handler is kept until ``remove(_:token:)``.
    mutating func add(
        _ descriptor: Int32, mode: Mode, interest: Readiness, handler: any ReadinessHandler
    ) throws(NetError) -> UInt64 {
        let index = freeSlots.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot()) }
        let token = UInt64(slots[index].generation) << 32 | UInt64(index)
        guard clinux_epoll_add(epoll, descriptor, Self.bits(mode, interest), token) == 0 else {
            let code = errno
            freeSlots.append(index)
            throw NetError(errno: code, during: "epoll_ctl")
        }
        slots[index].handler = handler
        return token
    }

    /// Asks a one-shot registration again.
    func rearm(_ descriptor: Int32, token: UInt64, interest: Readiness) throws(NetError) {
        guard clinux_epoll_modify(epoll, descriptor, Self.bits(.oneShot, interest), token) == 0 else {
            throw NetError(errno: errno, during: "epoll_ctl")
        }
    }

    /// Ends a registration. Call it before the descriptor is closed. A descriptor that its owner has closed already
    /// (libpq does) has left the epoll set by itself.
    mutating func remove(_ descriptor: Int32, token: UInt64) {
        _ = clinux_epoll_remove(epoll, descriptor)
        let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
        slots[index].handler = nil
        slots[index].generation &+= 1
        freeSlots.append(index)
    }

    /// Waits for events, at most `milliseconds` (-1: for ever), and returns how many there are.
    func wait(milliseconds: Int32) -> Int {
        let count = unsafe clinux_epoll_wait(epoll, events.baseAddress, Int32(events.count), milliseconds)
        precondition(count >= 0 || errno == EINTR, "epoll_wait failed")
        return max(0, Int(count))
    }

    /// The handler of the event at `index` of the last wait, unless it was removed meanwhile, and what is ready.
    func event(_ index: Int) -> (handler: any ReadinessHandler, readiness: Readiness)? {
        let event = unsafe events[index]
        let slot = slots[Int(truncatingIfNeeded: event.token & 0xFFFF_FFFF)]
        guard slot.generation == UInt32(truncatingIfNeeded: event.token >> 32), let handler = slot.handler else {
            return nil
        }
        var readiness: Readiness = []
        if event.events & clinux_readable != 0 { readiness.insert(.readable) }
        if event.events & clinux_writable != 0 { readiness.insert(.writable) }
        if event.events & clinux_peer_closed != 0 { readiness.formUnion([.readable, .hungUp]) }
        if event.events & (clinux_failed | clinux_hung_up) != 0 {
            readiness.formUnion([.readable, .writable, .hungUp])
        }
        return (handler, readiness)
    }

    private static func bits(_ mode: Mode, _ interest: Readiness) -> UInt32 {
        switch mode {
        case .edgeTriggered:
            return clinux_readable | clinux_writable | clinux_peer_closed | clinux_edge_triggered
        case .oneShot:
            var bits = clinux_one_shot
            if interest.contains(.readable) { bits |= clinux_readable | clinux_peer_closed }
            if interest.contains(.writable) { bits |= clinux_writable }
            return bits
        }
    }
}
