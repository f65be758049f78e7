import ColonyCore

/// The members on a ring, by a hash of their names, which is the same ring for all who know the same members.
///
/// It says who looks after whom. Each member pings the one that follows it in every second period, so one that stops is missed within two
/// periods, as long as the one before it is there; drawing alone leaves it out for five periods once in a hundred times. And those that come
/// before a suspect on the ring are the ones that look again, so they are exactly as many as are wanted, without asking each other.
///
/// - Complexity: O(*n*) moves for each member that comes or goes; O(log *n*) to look.
struct MemberRing: Sendable {
    private struct Place: Comparable {
        let point: UInt64
        let id: NodeID

        init(_ id: NodeID) {
            self.point = MembershipSummary.point(of: id)
            self.id = id
        }

        static func < (first: Place, second: Place) -> Bool {
            first.point == second.point ? first.id < second.id : first.point < second.point
        }
    }

    private let own: Place
    /// All others, in order.
    private var places: [Place] = []

    init(around own: NodeID) {
        self.own = Place(own)
    }

    mutating func add(_ id: NodeID) {
        let place = Place(id)
        let index = self.index(of: place)
        guard index == self.places.count || self.places[index] != place else { return }
        self.places.insert(place, at: index)
    }

    mutating func remove(_ id: NodeID) {
        let place = Place(id)
        let index = self.index(of: place)
        guard index < self.places.count, self.places[index] == place else { return }
        self.places.remove(at: index)
    }

    /// How many others there are.
    var count: Int { self.places.count }

    /// All others, in the order of the ring.
    var members: [NodeID] { self.places.map(\.id) }

    /// The one that this member looks after; `nil` if there is no other.
    var successor: NodeID? {
        if self.places.isEmpty { return nil }
        let index = self.index(of: self.own)
        return self.places[index == self.places.count ? 0 : index].id
    }

    /// Whether this member is one of the last few before another one.
    func comesBefore(_ id: NodeID, within count: Int) -> Bool {
        if self.places.isEmpty { return false }
        let between = self.index(of: Place(id)) - self.index(of: self.own)
        return (between < 0 ? between + self.places.count : between) < count
    }

    /// Where a place is, or would be.
    private func index(of place: Place) -> Int {
        var (low, high) = (0, self.places.count)
        while low < high {
            let middle = (low + high) / 2
            if self.places[middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
