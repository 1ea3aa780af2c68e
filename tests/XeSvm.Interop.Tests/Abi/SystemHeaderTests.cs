using Xunit.Abstractions;

namespace XeSvm.Interop.Tests.Abi;

/// <summary>
/// Has the C compiler compare the managed structs with the machine's own xe_drm.h. That header may be older than the one that the
/// structs were taken from: what it lacks is counted, not failed.
/// </summary>
public sealed class SystemHeaderTests(ITestOutputHelper output)
{
    private static readonly string[] _folders = ["/usr/include", "/usr/local/include"];

    [SkippableFact]
    public void The_structs_agree_with_the_header_of_this_machine()
    {
        string? path = UapiHeader.Find(Environment.GetEnvironmentVariable(UapiHeader.EnvironmentVariable), _folders);
        Skip.If(
            path is null,
            "No xe_drm.h on this machine: looked in drm/ and libdrm/ of " + string.Join(" and ", _folders) +
            $" (packages linux-libc-dev of Linux 6.8 or later, libdrm-dev; or name one with {UapiHeader.EnvironmentVariable}).");
        Skip.IfNot(UapiHeader.HasCompiler(), "No C compiler (cc) on this machine.");

        (string program, int assertions, int absent) = new UapiHeader(path).WriteProgram();
        bool compiled = UapiHeader.Compiles(program, out string errors);

        Assert.True(compiled, errors);
        Assert.NotEqual(0, assertions);
        output.WriteLine($"{assertions} static assertions hold against {path}; {absent} things are not in that header.");
    }

    [SkippableTheory]
    [InlineData("unsigned long long pad2[1];", false)]
    [InlineData("", true)]
    public void A_struct_that_differs_from_the_header_is_found(string inserted, bool agrees)
    {
        Skip.IfNot(UapiHeader.HasCompiler(), "No C compiler (cc) on this machine.");
        using TemporaryFolder folder = new();
        string path = Path.Combine(folder.Path, "xe_drm.h");
        File.WriteAllText(path, $$"""
            /* struct drm_xe_exec { in a comment } */
            struct drm_xe_vm_destroy {
                unsigned int vm_id;
                unsigned int pad;
                {{inserted}}
                unsigned long long reserved[2];
            };
            #define DRM_XE_SYNC_FLAG_SIGNAL 1
            """);

        (string program, int assertions, int absent) = new UapiHeader(path).WriteProgram();

        Assert.Equal(agrees, UapiHeader.Compiles(program, out string errors));
        Assert.Equal(agrees, errors.Length == 0);
        Assert.Equal(1 + 3 * 2 + 1, assertions);
        Assert.NotEqual(0, absent);
    }

    [Theory]
    [InlineData("drm")]
    [InlineData("libdrm")]
    public void The_header_of_the_kernel_and_of_libdrm_are_found(string part)
    {
        using TemporaryFolder folder = new();
        Assert.Null(UapiHeader.Find(null, [folder.Path]));
        Directory.CreateDirectory(Path.Combine(folder.Path, part));
        string expected = Path.Combine(folder.Path, part, "xe_drm.h");
        File.WriteAllText(expected, string.Empty);

        Assert.Equal(expected, UapiHeader.Find(null, [folder.Path]));
        Assert.Equal(expected, UapiHeader.Find(folder.Path, []));
        Assert.Equal(expected, UapiHeader.Find(expected, []));
    }

    [Fact]
    public void A_variable_that_names_no_header_is_an_error_not_a_skip()
    {
        using TemporaryFolder folder = new();

        FileNotFoundException exception = Assert.Throws<FileNotFoundException>(() => UapiHeader.Find(folder.Path, []));

        Assert.Contains(UapiHeader.EnvironmentVariable, exception.Message, StringComparison.Ordinal);
    }
}
