/// A total order of values that decides between two writes with the same stamp, in the same way on all replicas.
///
/// Two writes have the same ``WriteStamp`` only if two replicas use one node name, or one of them repeats a timestamp. That
/// is a mistake, and which of the values wins is of no importance; but if each replica kept its own, they would disagree for
/// ever. `hashValue` will not do, because it differs from process to process.
///
/// A `Comparable` type, and an enumeration with raw values, need nothing but the conformance:
///
/// ```swift
/// enum Priority: Int, TieBreaking { case low, high }
/// ```
public protocol TieBreaking: Equatable, Sendable {
    /// Whether this value wins against `other`. Of two values that differ exactly one wins, and of equal ones none.
    func wins(over other: Self) -> Bool
}

extension TieBreaking where Self: Comparable {
    /// The greater value wins.
    public func wins(over other: Self) -> Bool { self > other }
}

extension TieBreaking where Self: RawRepresentable, RawValue: TieBreaking {
    /// The value whose raw value wins.
    public func wins(over other: Self) -> Bool { self.rawValue.wins(over: other.rawValue) }
}

extension TieBreaking where Self: Comparable & RawRepresentable, RawValue: TieBreaking {
    /// The greater value wins.
    public func wins(over other: Self) -> Bool { self > other }
}

extension String: TieBreaking {}
extension Int: TieBreaking {}
extension Int8: TieBreaking {}
extension Int16: TieBreaking {}
extension Int32: TieBreaking {}
extension Int64: TieBreaking {}
extension UInt: TieBreaking {}
extension UInt8: TieBreaking {}
extension UInt16: TieBreaking {}
extension UInt32: TieBreaking {}
extension UInt64: TieBreaking {}

extension Double: TieBreaking {
    /// The greater value wins. A NaN wins over all others, so that the order is total.
    public func wins(over other: Double) -> Bool {
        if self.isNaN || other.isNaN { return self.isNaN && !other.isNaN }
        return self > other
    }
}

extension Bool: TieBreaking {
    /// `true` wins over `false`.
    public func wins(over other: Bool) -> Bool { self && !other }
}

extension Optional: TieBreaking where Wrapped: TieBreaking {
    /// A value wins over none.
    public func wins(over other: Wrapped?) -> Bool {
        switch (self, other) {
        case (let mine?, let theirs?): mine.wins(over: theirs)
        case (_?, nil): true
        case (nil, _): false
        }
    }
}

extension Array: TieBreaking where Element: TieBreaking {
    /// The first difference decides; if there is none, the longer one wins.
    public func wins(over other: [Element]) -> Bool {
        for (mine, theirs) in zip(self, other) where mine != theirs {
            return mine.wins(over: theirs)
        }
        return self.count > other.count
    }
}
