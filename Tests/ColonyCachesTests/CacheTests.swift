import ColonyCaches
import Testing

@Suite("A cache")
struct CacheTests {
    @Test("gives back what was stored")
    func setThenGet() throws {
        let cache = try Cache<Int, String>(capacity: 10)
        cache.set(1, to: "one")
        #expect(cache.get(1) == "one")
        #expect(cache.get(2) == nil)
    }
}
