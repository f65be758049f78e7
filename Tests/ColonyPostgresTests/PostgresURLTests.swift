#if Postgres
import ColonyCore
import ColonyPostgres
import Testing

@Suite("URLs of PostgreSQL")
struct PostgresURLTests {
    @Test func `a full URL`() throws {
        let options = try PostgresOptions(
            url: EngineURL(
                "postgresql://app:p%40ss@db.example.com:6000,[::1]/orders?schema=locks&timeout_ms=700&connections=3"
                    + "&durability=any&sslmode=verify-full&sslrootcert=/etc/ca.pem"))
        #expect(options.servers.map(\.host) == ["db.example.com", "::1"])
        #expect(options.servers.map(\.port) == [6000, 5432])
        #expect(options.user == "app" && options.password == "p@ss" && options.database == "orders")
        #expect(options.schema == "locks" && options.timeout == .milliseconds(700) && options.connections == 3)
        #expect(options.durability == .any)
        #expect(options.parameters == ["sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"])
        #expect(options.description == "postgres://app:***@db.example.com:6000,[::1]:5432/orders")
    }

    @Test(arguments: [
        "redis://a/b", "postgres://a/b?schema=Colony", "postgres://a/b?schema=1a", "postgres://a/b?schema=",
        "postgres://a/b?timeout_ms=99", "postgres://a/b?timeout_ms=x", "postgres://a/b?connections=0",
        "postgres://a/b?durability=some", "postgres://a/b?nonsense=1", "postgres://a/b?host=/tmp",
        "postgres:///b?host=tmp", "postgres://a:0/b", "postgres://u:secret@a/b?password=secret",
        "postgres://u:se%00cret@a/b",
    ])
    func `what is wrong is refused without the secret`(text: String) throws {
        let url = try EngineURL(text)
        let error = #expect(throws: InvalidName.self) { try PostgresOptions(url: url) }
        #expect(error?.description.contains("secret") == false)
    }
}
#endif
