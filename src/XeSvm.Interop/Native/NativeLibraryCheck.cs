using System.Runtime.CompilerServices;
using System.Text;

namespace XeSvm.Interop.Native;

/// <summary>
/// Proves once, before the first use, that libxesvm_native is the one that this assembly was built with: a struct of another size
/// would overwrite memory.
/// </summary>
internal static unsafe class NativeLibraryCheck
{
    private static readonly Lazy<(string Message, Exception? Cause)?> _finding = new(Examine, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>The structs that both sides know, by their name in C, with their size here.</summary>
    internal static IReadOnlyList<(string Name, int Size)> ExpectedSizes { get; } =
    [
        Expect<xesvm_struct_size>(),
        Expect<xesvm_vma>(),
        Expect<xesvm_pump_info>(),
        Expect<xesvm_isolation>(),
        Expect<xesvm_pump_event>(),
        Expect<xesvm_pump_counters>(),
    ];

    /// <summary>Throws when the library cannot be used.</summary>
    /// <exception cref="NativeLibraryException">The library is missing, or does not belong to this assembly.</exception>
    internal static void EnsureCompatible()
    {
        if (_finding.Value is (string message, var cause))
        {
            throw cause is null ? new NativeLibraryException(message) : new NativeLibraryException(message, cause);
        }
    }

    /// <summary>What is wrong with a library that says these things of itself, or <see langword="null"/>.</summary>
    internal static string? Compare(int abiVersion, ReadOnlySpan<xesvm_struct_size> sizes)
    {
        if (abiVersion != Xesvm.XESVM_ABI_VERSION)
        {
            return $"libxesvm_native has contract version {abiVersion}, but XeSvm.Interop was built for version "
                + $"{Xesvm.XESVM_ABI_VERSION}. Take both from the same build.";
        }

        Dictionary<string, uint> byName = new(StringComparer.Ordinal);
        foreach (ref readonly xesvm_struct_size row in sizes)
        {
            byName[NameOf(row)] = row.size;
        }

        foreach ((string name, int size) in ExpectedSizes)
        {
            if (!byName.TryGetValue(name, out uint nativeSize))
            {
                return $"libxesvm_native does not list the struct {name}, which has {size} bytes in XeSvm.Interop. "
                    + "Take both from the same build.";
            }

            if (nativeSize != size)
            {
                return $"The struct {name} has {nativeSize} bytes in libxesvm_native, but {size} bytes in XeSvm.Interop. "
                    + "Take both from the same build.";
            }
        }

        return null;
    }

    /// <summary>The struct's name in a row of the library's table.</summary>
    internal static string NameOf(in xesvm_struct_size row)
    {
        ReadOnlySpan<byte> name = row.name;
        int end = name.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? name : name[..end]);
    }

    /// <summary>The library's table of struct sizes.</summary>
    internal static xesvm_struct_size[] ReadSizes()
    {
        int count = NativeMethods.xesvm_struct_sizes(null, 0);
        xesvm_struct_size[] sizes = new xesvm_struct_size[Math.Max(count, 0)];
        fixed (xesvm_struct_size* rows = sizes)
        {
            _ = NativeMethods.xesvm_struct_sizes(rows, (uint)sizes.Length);
        }

        return sizes;
    }

    private static (string Message, Exception? Cause)? Examine()
    {
        try
        {
            // The version comes first: with another one, the table itself may have another shape.
            int version = NativeMethods.xesvm_abi_version();
            string? finding = Compare(version, version == Xesvm.XESVM_ABI_VERSION ? ReadSizes() : []);
            return finding is null ? null : (finding, null);
        }
        catch (DllNotFoundException exception)
        {
            return ("libxesvm_native.so was not found or cannot be loaded; it belongs beside XeSvm.Interop.dll.", exception);
        }
        catch (EntryPointNotFoundException exception)
        {
            return ("libxesvm_native.so is not this project's library, or an older one.", exception);
        }
        catch (BadImageFormatException exception)
        {
            return ("libxesvm_native.so is not a library for this processor.", exception);
        }
    }

    private static (string Name, int Size) Expect<T>()
        where T : unmanaged => (typeof(T).Name, Unsafe.SizeOf<T>());
}
