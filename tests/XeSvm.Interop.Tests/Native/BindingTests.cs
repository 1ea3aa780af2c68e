using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using XeSvm.Interop.Native;
using XeSvm.Interop.Tests.Abi;
using Xunit.Abstractions;

namespace XeSvm.Interop.Tests.Native;

/// <summary>The bindings have the exports, types and constants of xesvm_native.h, no more and no less.</summary>
public sealed class BindingTests(ITestOutputHelper output)
{
    private const BindingFlags Declared = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static readonly NativeHeader _header = NativeHeader.Load();

    private static readonly Dictionary<string, string> _types = new(StringComparer.Ordinal)
    {
        ["int32_t"] = "Int32",
        ["int64_t"] = "Int64",
        ["uint32_t"] = "UInt32",
        ["uint64_t"] = "UInt64",
        ["uint8_t*"] = "Byte*",
        ["uint64_t*"] = "UInt64*",
        ["void*"] = "Void*",
    };

    // The generator of P/Invoke stubs adds local functions; what is bound is named like an export.
    private static readonly MethodInfo[] _methods =
        [.. typeof(NativeMethods).GetMethods(Declared).Where(method => method.Name.StartsWith("xesvm_", StringComparison.Ordinal))];

    [Fact]
    public void Every_export_has_one_binding_and_every_binding_an_export()
    {
        string[] exports = [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "exports.txt"))
            .Select(line => line.Trim())
            .Where(line => line.StartsWith("xesvm_", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];
        Assert.NotEmpty(exports);
        Assert.Equal(exports, _methods.Select(method => method.Name).Order(StringComparer.Ordinal));
        Assert.Equal(exports, _header.Exports.Keys.Order(StringComparer.Ordinal));
        output.WriteLine($"{exports.Length} exports.");
    }

    [Fact]
    public void Every_binding_is_in_the_library()
    {
        nint library = NativeLibrary.Load(NativeMethods.LibraryName, typeof(NativeMethods).Assembly, null);
        string[] missing = [.. _methods.Select(method => method.Name).Where(name => !NativeLibrary.TryGetExport(library, name, out _))];
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_binding_has_the_types_of_the_header()
    {
        foreach (MethodInfo method in _methods)
        {
            string[] declared = [.. _header.Exports[method.Name].Select(type => _types.GetValueOrDefault(type, type))];
            string[] bound = [method.ReturnType.Name, .. method.GetParameters().Select(parameter => parameter.ParameterType.Name)];
            Assert.True(declared.SequenceEqual(bound), $"{method.Name}\nheader: {string.Join(", ", declared)}\nhere: {string.Join(", ", bound)}");
        }
    }

    [Fact]
    public void Only_clocks_keep_the_garbage_collector_waiting()
    {
        string[] waiting = [.. _methods.Where(method => Inner(method).GetCustomAttribute<SuppressGCTransitionAttribute>() is not null)
            .Select(method => method.Name).Order(StringComparer.Ordinal)];
        Assert.Equal([nameof(NativeMethods.xesvm_clock_monotonic_ns), nameof(NativeMethods.xesvm_clock_thread_cpu_ns)], waiting);
    }

    [Fact]
    public void Every_constant_has_the_value_of_the_header()
    {
        Dictionary<string, ulong> declared = _header.Constants.ToDictionary(item => item.Key, item => Evaluate(item.Value), StringComparer.Ordinal);
        Dictionary<string, ulong> managed = typeof(Xesvm).GetFields(Declared)
            .ToDictionary(field => field.Name, Value, StringComparer.Ordinal);
        Assert.NotEmpty(declared);
        Assert.Equal(declared.OrderBy(item => item.Key, StringComparer.Ordinal), managed.OrderBy(item => item.Key, StringComparer.Ordinal));
        output.WriteLine($"{declared.Count} constants.");
    }

    [Fact]
    public void Every_struct_has_the_fields_of_the_header()
    {
        Dictionary<string, string> kinds = new(StringComparer.Ordinal) { ["uint32_t"] = "u32", ["uint64_t"] = "u64", ["char"] = "u8" };
        Assert.Equal(
            _header.Structures.Keys.Order(StringComparer.Ordinal),
            NativeLibraryCheck.ExpectedSizes.Select(expected => expected.Name).Order(StringComparer.Ordinal));
        foreach ((string name, (string Type, string Name, string Count)[] fields) in _header.Structures)
        {
            Type type = typeof(NativeMethods).Assembly.GetType($"{typeof(NativeMethods).Namespace}.{name}", throwOnError: true)!;
            Assert.Equal(
                fields.Select(field => $"{kinds[field.Type]} {field.Name} {field.Count}"),
                ManagedLayout.FieldsOf(type).OrderBy(field => field.Offset).Select(field =>
                    $"{field.Element ?? field.Type} {field.Name} {(field.Element is null ? string.Empty : field.Count)}"));
        }
    }

    // A method with an attribute that needs code around the call has the bare import as a local function.
    private static MethodInfo Inner(MethodInfo method) =>
        typeof(NativeMethods).GetMethods(Declared)
            .FirstOrDefault(other => other.Name.StartsWith($"<{method.Name}>", StringComparison.Ordinal)) ?? method;

    private static ulong Value(FieldInfo constant) => Convert.ToUInt64(constant.GetRawConstantValue(), CultureInfo.InvariantCulture);

    private static ulong Evaluate(string expression)
    {
        string text = expression.Trim('(', ')').Replace("u", string.Empty, StringComparison.Ordinal);
        string[] shift = text.Trim('(', ')').Split("<<");
        ulong value = Number(shift[0].Trim(' ', '(', ')'));
        return shift.Length == 2 ? value << (int)Number(shift[1].Trim(' ', '(', ')')) : value;
    }

    private static ulong Number(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.Parse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
        : ulong.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
