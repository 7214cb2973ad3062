import Net
import Synchronization

/// Where gateways are to be had: what senders and readers know, as a load balancer would tell them. It does not know of a
/// death at once.
final class ReplicaBoard: Sendable {
    struct Place: Sendable, Hashable {
        let pid: Int32
        let address: SocketAddress
    }

    private let places = Mutex<[Place]>([])

    func add(_ place: Place) {
        places.withLock { $0.append(place) }
    }

    func remove(_ pid: Int32) {
        places.withLock { $0.removeAll { $0.pid == pid } }
    }

    /// One of them, if possible not this one; nil when there is none.
    func any(but pid: Int32? = nil) -> Place? {
        places.withLock { places in
            places.filter { $0.pid != pid }.randomElement() ?? places.randomElement()
        }
    }

    func holds(_ pid: Int32) -> Bool {
        places.withLock { $0.contains { $0.pid == pid } }
    }

    var all: [Place] { places.withLock { $0 } }
}
