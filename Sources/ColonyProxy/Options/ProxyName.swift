/// What upstreams and routes may be called: names that need no quotes in a log, a path, or a metric.
enum ProxyName {
    static func check(_ name: String, _ what: String) throws(ProxyError) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isPlain, (1...64).contains(name.utf8.count) else {
            throw ProxyError(
                .invalidConfiguration,
                "\(what), \"\(name)\", is not one to 64 letters, digits, hyphens, dots, and underscores")
        }
    }
}
