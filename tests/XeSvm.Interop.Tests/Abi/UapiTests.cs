using System.Globalization;
using System.Reflection;
using XeSvm.Interop.Uapi;
using Xunit.Abstractions;

namespace XeSvm.Interop.Tests.Abi;

public sealed class UapiTests(ITestOutputHelper output)
{
    private static readonly KernelAbi _kernel = KernelAbi.Load();

    private static readonly Dictionary<string, Type> _managed = typeof(DrmXe).Assembly.GetExportedTypes()
        .Where(type => type.Namespace == typeof(DrmXe).Namespace)
        .ToDictionary(type => type.Name, StringComparer.Ordinal);

    // Types that the kernel's header has no struct for, and why they are there.
    private static readonly Dictionary<string, string> _withoutKernelStruct = new(StringComparer.Ordinal)
    {
        [nameof(DrmXe)] = "holds the constants of xe",
        [nameof(Drm)] = "holds the constants of the DRM core",
        [nameof(drm_xe_oa_config_uuid)] = "the array drm_xe_oa_config.uuid, checked there",
        [nameof(drm_xe_madvise_preferred_mem_loc)] = "anonymous in C, checked as drm_xe_madvise.preferred_mem_loc.*",
        [nameof(drm_xe_madvise_atomic)] = "anonymous in C, checked as drm_xe_madvise.atomic.*",
        [nameof(drm_xe_madvise_pat_index)] = "anonymous in C, checked as drm_xe_madvise.pat_index.*",
        [nameof(drm_xe_madvise_purge_state_val)] = "anonymous in C, checked as drm_xe_madvise.purge_state_val.*",
        [nameof(drm_xe_mem_range_attr_preferred_mem_loc)] = "anonymous in C, checked as drm_xe_mem_range_attr.preferred_mem_loc.*",
        [nameof(drm_xe_mem_range_attr_atomic)] = "anonymous in C, checked as drm_xe_mem_range_attr.atomic.*",
        [nameof(drm_xe_mem_range_attr_pat_index)] = "anonymous in C, checked as drm_xe_mem_range_attr.pat_index.*",
    };

    [Fact]
    public void Every_struct_has_the_kernels_size_alignment_and_fields()
    {
        int fields = 0;
        foreach (AbiStruct expected in _kernel.Structs)
        {
            Type type = Assert.Contains(expected.Name, (IDictionary<string, Type>)_managed);
            Assert.True(
                expected.Size == ManagedLayout.SizeOf(type),
                $"{expected.Name}: {expected.Size} bytes in the kernel, {ManagedLayout.SizeOf(type)} here");

            // A flexible array, which has no managed field, may be what aligns the struct; such a struct is never embedded in another.
            Assert.True(
                expected.Fields.Any(field => field.IsFlexible) || expected.Alignment == ManagedLayout.AlignmentOf(type),
                $"{expected.Name}: aligned to {expected.Alignment} in the kernel, to {ManagedLayout.AlignmentOf(type)} here");

            AbiField[] wanted = [.. expected.Fields.Where(field => !field.IsFlexible).Select(AsManaged).OrderBy(Order)];
            AbiField[] found = [.. ManagedLayout.FieldsOf(type).OrderBy(Order)];
            Assert.True(
                wanted.SequenceEqual(found),
                $"{expected.Name}\nkernel:\n{string.Join('\n', wanted.Except(found))}\nhere:\n{string.Join('\n', found.Except(wanted))}");
            fields += found.Length;
        }

        output.WriteLine($"{_kernel.Structs.Count} structs with {fields} fields checked.");
    }

    [Fact]
    public void Every_flexible_array_begins_where_the_managed_struct_ends()
    {
        int arrays = 0;
        foreach (AbiStruct expected in _kernel.Structs)
        {
            foreach (AbiField array in expected.Fields.Where(field => field.IsFlexible))
            {
                Assert.Equal(ManagedLayout.SizeOf(_managed[expected.Name]), array.Offset);
                arrays++;
            }
        }

        Assert.NotEqual(0, arrays);
        output.WriteLine($"{arrays} flexible arrays checked.");
    }

    [Fact]
    public void No_managed_type_is_unknown_to_the_kernel_without_a_reason()
    {
        HashSet<string> kernel = [.. _kernel.Structs.Select(item => item.Name)];
        string[] unexplained = [.. _managed.Keys.Where(name => !kernel.Contains(name) && !_withoutKernelStruct.ContainsKey(name))];
        string[] stale = [.. _withoutKernelStruct.Keys.Where(name => kernel.Contains(name) || !_managed.ContainsKey(name))];
        Assert.Empty(unexplained);
        Assert.Empty(stale);
        output.WriteLine($"{_managed.Count} managed types, of which {_withoutKernelStruct.Count} have a reason of their own.");
    }

    [Fact]
    public void No_managed_struct_has_methods_or_properties()
    {
        foreach (Type type in _managed.Values.Where(type => type.IsValueType))
        {
            const BindingFlags Declared =
                BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
            Assert.Empty(type.GetMethods(Declared));
            Assert.Empty(type.GetConstructors(Declared));
        }
    }

    [Theory]
    [InlineData(typeof(DrmXe))]
    [InlineData(typeof(Drm))]
    public void Every_constant_and_request_number_has_the_kernels_value(Type owner)
    {
        Dictionary<string, ulong> kernel = owner == typeof(DrmXe) ? _kernel.XeConstants : _kernel.DrmConstants;
        Dictionary<string, ulong> managed = owner.GetFields(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .ToDictionary(field => field.Name, field => Bits(field.GetRawConstantValue()!), StringComparer.Ordinal);

        Assert.Empty(kernel.Keys.Except(managed.Keys));
        Assert.Empty(managed.Keys.Except(kernel.Keys));
        KeyValuePair<string, ulong>[] different = [.. managed.Where(constant => kernel[constant.Key] != constant.Value)];
        Assert.Empty(different);
        int requests = managed.Keys.Count(name => name.StartsWith("DRM_IOCTL_", StringComparison.Ordinal));
        int members = owner == typeof(DrmXe) ? _kernel.EnumMembers : 0;
        output.WriteLine(
            $"{owner.Name}: {managed.Count} constants checked, of which {requests} request numbers or their type, {members} enum members.");
    }

    [Fact]
    public void Every_request_number_is_made_of_direction_struct_size_type_and_index()
    {
        foreach (AbiRequest request in _kernel.Requests)
        {
            uint direction = request.Direction switch
            {
                "readwrite" => 3,
                "write" => 1,
                "read" => 2,
                _ => throw new InvalidDataException($"{request.Name}: unknown direction {request.Direction}"),
            };
            int size = ManagedLayout.SizeOf(_managed[request.Struct]);
            uint number = (direction << 30) | ((uint)size << 16) | (Drm.DRM_IOCTL_BASE << 8) | (uint)request.Index;
            Assert.True(number == request.Number, $"{request.Name}: 0x{number:x} from its parts, 0x{request.Number:x} in the kernel");
        }

        output.WriteLine($"{_kernel.Requests.Count} requests checked.");
    }

    [Fact]
    public void The_yardstick_is_the_whole_of_it()
    {
        Assert.Equal(40, _kernel.Structs.Count(item => item.Name is "xe_vm_fault" || item.Name.StartsWith("drm_xe_", StringComparison.Ordinal)));
        Assert.Equal(16, _kernel.Requests.Count(item => item.Name.StartsWith("DRM_IOCTL_XE_", StringComparison.Ordinal)));
        Assert.Equal(35, _kernel.Requests.Count);
        Assert.Equal(147 + 16 + _kernel.EnumMembers, _kernel.XeConstants.Count);
        output.WriteLine(
            $"{_kernel.Structs.Count} structs (40 of xe), {_kernel.Structs.Sum(item => item.Fields.Count)} fields with the flexible arrays, " +
            $"{_kernel.XeConstants.Count + _kernel.DrmConstants.Count} constants, {_kernel.Requests.Count} requests.");
    }

    // char is one byte in the kernel; there is no other managed byte.
    private static AbiField AsManaged(AbiField field) => field.Element == "char" ? field with { Element = "u8" } : field;

    private static string Order(AbiField field) => string.Create(CultureInfo.InvariantCulture, $"{field.Offset:d6} {field.Name}");

    private static ulong Bits(object constant) => constant switch
    {
        int value => (uint)value,
        IConvertible value => value.ToUInt64(CultureInfo.InvariantCulture),
        _ => throw new InvalidDataException($"{constant.GetType()} is not a number"),
    };
}
