/// A point in civil time, in milliseconds since 1970-01-01T00:00:00Z. It may step in either direction from one reading to
/// the next, so nothing that must be safe is decided by it.
public struct WallTime: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
    public let millisecondsSince1970: Int64

    /// Makes a point from milliseconds since 1970-01-01T00:00:00Z.
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    public init(from decoder: any Decoder) throws {
        self.init(millisecondsSince1970: try decoder.singleValueContainer().decode(Int64.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.millisecondsSince1970)
    }

    /// The point `duration` later, in whole milliseconds. Beyond the range of the type it stays at the end of the range.
    public func advanced(by duration: Duration) -> WallTime {
        let (sum, overflow) = self.millisecondsSince1970.addingReportingOverflow(duration.clampedMilliseconds)
        return WallTime(millisecondsSince1970: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    public static func < (first: Self, second: Self) -> Bool {
        first.millisecondsSince1970 < second.millisecondsSince1970
    }

    public var description: String { "\(self.millisecondsSince1970) ms since 1970" }
}

/// A reading of civil time, handed in wherever it is needed.
public protocol WallClock: Sendable {
    var now: WallTime { get }
}

/// The civil time of the host.
public struct SystemWallClock: WallClock {
    public init() {}

    public var now: WallTime {
        WallTime(millisecondsSince1970: SystemTime.nanoseconds(of: SystemTime.wall) / 1_000_000)
    }
}

/// The civil time of the host as of the last tick of its kernel, one to ten milliseconds ago, at a third of the price.
///
/// For those who read the time for millions of events a second and can take a reading that is a little old. Elsewhere
/// than on Linux it is the exact time.
public struct CoarseWallClock: WallClock {
    public init() {}

    public var now: WallTime {
        WallTime(millisecondsSince1970: SystemTime.nanoseconds(of: SystemTime.coarseWall) / 1_000_000)
    }
}
