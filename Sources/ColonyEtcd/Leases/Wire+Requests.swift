#if Etcd
internal import FoundationEssentials

extension WireCompare {
    private init(_ key: Data, _ target: CompareTarget, _ result: CompareResult) {
        self.init()
        self.key = key
        self.target = target
        self.result = result
    }

    /// That the key was created at `revision`; 0 for a key that is not there.
    static func created(_ key: Data, _ revision: Int64) -> WireCompare {
        var compare = WireCompare(key, .create, .equal)
        compare.createRevision = revision
        return compare
    }

    /// That the key is there.
    static func exists(_ key: Data) -> WireCompare {
        var compare = WireCompare(key, .create, .greater)
        compare.createRevision = 0
        return compare
    }

    /// That the key was last written at `revision`; 0 for a key that is not there.
    static func modified(_ key: Data, _ revision: Int64) -> WireCompare {
        var compare = WireCompare(key, .mod, .equal)
        compare.modRevision = revision
        return compare
    }

    /// That no key lies between `start` and `end`.
    static func isEmpty(_ start: Data, _ end: Data) -> WireCompare {
        var compare = WireCompare(start, .create, .equal)
        compare.rangeEnd = end
        compare.createRevision = 0
        return compare
    }

    /// That no key between `start` and `end` was written after `revision`. Deletions go unseen.
    static func noneWritten(after revision: Int64, _ start: Data, _ end: Data) -> WireCompare {
        var compare = WireCompare(start, .mod, .less)
        compare.rangeEnd = end
        compare.modRevision = revision + 1
        return compare
    }

    /// That every key between `start` and `end` was created at `revision` or later.
    static func noneBefore(_ revision: Int64, _ start: Data, _ end: Data) -> WireCompare {
        var compare = WireCompare(start, .create, .greater)
        compare.rangeEnd = end
        compare.createRevision = revision - 1
        return compare
    }
}

extension WireRangeRequest {
    static func key(_ key: Data) -> WireRangeRequest {
        var request = WireRangeRequest()
        request.key = key
        return request
    }

    /// Keys from `start` to before `end`, the earliest created first.
    static func contenders(_ start: Data, _ end: Data, limit: Int64) -> WireRangeRequest {
        var request = WireRangeRequest()
        request.key = start
        request.rangeEnd = end
        request.limit = limit
        request.sortOrder = .ascend
        request.sortTarget = .create
        return request
    }

    /// The keys created at the latest at `revision`, the latest first.
    static func predecessors(_ start: Data, _ end: Data, upTo revision: Int64, limit: Int64) -> WireRangeRequest {
        var request = WireRangeRequest()
        request.key = start
        request.rangeEnd = end
        request.limit = limit
        request.maxCreateRevision = revision
        request.sortOrder = .descend
        request.sortTarget = .create
        return request
    }
}

extension WireRequestOp {
    static func get(_ key: Data) -> WireRequestOp { .range(.key(key)) }

    static func range(_ range: WireRangeRequest) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestRange = range
        return operation
    }

    static func put(_ key: Data, _ value: Data, lease: Int64) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestPut.key = key
        operation.requestPut.value = value
        operation.requestPut.lease = lease
        return operation
    }

    /// Deletes a key and answers with what it was.
    static func delete(_ key: Data) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestDeleteRange.key = key
        operation.requestDeleteRange.prevKv = true
        return operation
    }

    static func nested(_ transaction: WireTxnRequest) -> WireRequestOp {
        var operation = WireRequestOp()
        operation.requestTxn = transaction
        return operation
    }
}
#endif
