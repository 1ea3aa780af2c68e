using System.Globalization;
using System.Text;
using XeSvm.Interop;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation;
using XeSvm.Simulation.Driver;

namespace XeSvm.Benchmarks.Peers;

/// <summary>A machine of several software devices, with a VM on each, and blocks of memory that migrate between them.</summary>
internal sealed unsafe class PeerBenchMachine : IDisposable
{
    public const int Pages = 512;
    public const ulong Block = 2UL << 20;

    private readonly SoftwareBackend _backend;
    private readonly SoftwareFile[] _files;
    private readonly ulong[] _blocks;
    private readonly int[] _places;
    private readonly int _pages;

    /// <param name="topology">A built-in topology, or the path of one.</param>
    /// <param name="policy">Who makes addresses.</param>
    /// <param name="blocks">How many blocks, each mapped at a multiple of 2 MiB.</param>
    /// <param name="pages">Pages of each block, at most <see cref="Pages"/>.</param>
    public PeerBenchMachine(string topology, string policy, int blocks, int pages = Pages)
    {
        _pages = pages;
        _backend = new SoftwareBackend(SoftwareBackendOptions.FromEnvironment() with { Device = topology, PeerPolicy = policy, VramBytes = 64UL << 20 });
        _files = [.. _backend.Enumerate().Select(Open)];
        _blocks = [.. Enumerable.Range(0, blocks).Select(_ => MapBlock())];
        _places = new int[blocks];
        for (int block = 0; block < blocks; block++)
        {
            _places[block] = -1;
            Move(block, block % Devices);
        }
    }

    /// <summary>How many devices there are.</summary>
    public int Devices => _files.Length;

    /// <summary>Moves a block to a device's VRAM.</summary>
    public void Move(int block, int device)
    {
        // Memory of other programs' threads is not there to interfere, so a second attempt is never the rule.
        int result = _files[device].Device.Pagemap.Migrate(_files[device].Client, _blocks[block], _pages);
        Check(result, "migration");
        _places[block] = device;
    }

    /// <summary>Moves a block to the device behind the one that has it.</summary>
    public void MoveOn(int block) => Move(block, (_places[block] + 1) % Devices);

    /// <summary>A topology file of equal devices, each linked to each over PCIe; to be deleted by the caller.</summary>
    public static string WriteMesh(int devices)
    {
        StringBuilder json = new("{\"schema\":\"xesvm.topology/1\",\"name\":\"mesh\",\"devices\":[");
        json.AppendJoin(',', Enumerable.Range(0, devices).Select(device =>
            string.Create(CultureInfo.InvariantCulture, $"{{\"name\":\"gpu{device}\",\"vramBytes\":67108864,\"iommu\":{{\"mode\":\"strict\"}}}}")));
        json.Append("],\"links\":[");
        json.AppendJoin(',', Enumerable.Range(0, devices).SelectMany(from => Enumerable.Range(from + 1, devices - from - 1).Select(to =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"{{\"from\":\"gpu{from}\",\"to\":\"gpu{to}\",\"pcie\":{{\"distance\":4,\"gigabytesPerSecond\":24,\"latencyNanoseconds\":900}}}}"))));
        json.Append("]}");
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".json");
        File.WriteAllText(path, json.ToString());
        return path;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SoftwareFile file in _files)
        {
            file.Dispose();
        }

        _backend.Dispose();
        foreach (ulong block in _blocks)
        {
            _ = SystemCalls.Unmap((nint)block, (nuint)Block);
        }
    }

    private static ulong MapBlock()
    {
        Check(SystemCalls.MapAnonymous((nuint)Block, MemoryProtection.ReadWrite, (nuint)Block, out nint address), "mmap");

        // EINVAL: the kernel has no huge pages to keep out.
        _ = SystemCalls.Advise(address, (nuint)Block, MemoryAdvice.NoHugePage);
        new Span<byte>((void*)address, (int)Block).Fill(0x5a);
        return (ulong)address;
    }

    private static void Check(int result, string operation)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"{operation}: {Errno.Describe(result)}.");
        }
    }

    private SoftwareFile Open(DrmNode node)
    {
        Check(_backend.Open(node, out DrmFile? file), "Open");

        // A VM that can fault is what makes a device a peer.
        var create = new drm_xe_vm_create { flags = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE };
        Check(file!.Ioctl(DrmXe.DRM_IOCTL_XE_VM_CREATE, &create), "VM_CREATE");
        return (SoftwareFile)file;
    }
}
