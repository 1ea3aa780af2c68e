using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Faults;

/// <summary>What a user of the device sees of each injected failure: a clear result, and all data.</summary>
public unsafe class FaultInjectionTests
{
    private const ulong Block = 2 << 20;
    private const ulong Vram = 64 << 20;

    public static TheoryData<string, string> Plans()
    {
        var data = new TheoryData<string, string>();
        string[] plans =
        [
            "iova:at=1,times=100", "link:page=300,at=1", "link:p=0.001", "map:p=0.001", "sync:at=1", "vram:at=1", "copy:at=1", "isolate:at=1",
            "isolate:at=1,times=2", "slow-copy:at=1,us=2000", "userfaultfd",
        ];
        foreach (string plan in plans)
        {
            data.Add(plan, "iova");
            data.Add(plan, "per-page");
        }

        return data;
    }

    private static GpuClient Open(string plan, string strategy = "iova") =>
        new(new SoftwareBackendOptions { VramBytes = Vram, Strategy = strategy, Faults = FaultPlan.Parse(plan) });

    [Theory]
    [MemberData(nameof(Plans))]
    public void A_store_succeeds_and_no_byte_is_lost(string plan, string strategy)
    {
        using GpuClient gpu = Open(plan, strategy);
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, 2 * Block);
        for (ulong at = 0; at < 2 * Block; at += Block)
        {
            Assert.Equal(0, gpu.Store(memory + at + 0x5008, 77));
            Assert.Equal(77u, *(uint*)(memory + at + 0x5008));
        }

        for (ulong page = 0; page < 1024; page++)
        {
            Assert.Equal(page, *(ulong*)(memory + (page << 12)));
        }

        Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);
        GpuClient.Unmap(memory, 2 * Block);
    }

    [Theory]
    [InlineData("vram:at=1,times=100")]
    [InlineData("copy:at=1,times=100")]
    [InlineData("isolate:at=1,times=100")]
    public void Memory_stays_in_the_system_while_migration_fails_and_an_atomic_is_refused(string plan)
    {
        using GpuClient gpu = Open(plan);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, memory, Block, (uint)AtomicPolicy.Global));
        Assert.Equal(-Errno.EIO, gpu.Run(Commands.Increment(memory)));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(3ul, *(ulong*)(memory + 0x3000));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void Without_VRAM_a_buffer_object_that_needs_it_is_ENOMEM_once()
    {
        using GpuClient gpu = Open("vram:at=1");
        Assert.Equal(-Errno.ENOMEM, gpu.TryCreateBo(Block, DrmClient.VramMemory, out _));
        Assert.Equal(0, gpu.TryCreateBo(Block, DrmClient.VramMemory, out _));
    }

    [Fact]
    public void Without_userfaultfd_the_backend_is_coherent_and_says_why()
    {
        using GpuClient gpu = Open("userfaultfd");
        Assert.True(gpu.IsCoherent);
        Assert.Contains("userfaultfd is gone by fault injection.", gpu.Backend, StringComparison.Ordinal);
        using var backend = new SoftwareBackend(new SoftwareBackendOptions
        {
            VramBytes = Vram,
            CpuFaults = "userfaultfd",
            Faults = FaultPlan.Parse("userfaultfd"),
        });
        Assert.Equal(-Errno.ENOSYS, backend.Open(backend.Enumerate()[0], out _));
    }

    [Fact]
    public void The_environment_variable_is_read_and_what_is_wrong_with_it_is_said()
    {
        const string Variable = "XESVM_FAULTS";
        string? before = Environment.GetEnvironmentVariable(Variable);
        try
        {
            Environment.SetEnvironmentVariable(Variable, "seed=3; copy:at=2");
            Assert.Equal(FaultPlan.Parse("seed=3; copy:at=2"), SoftwareBackendOptions.FromEnvironment().Faults);
            Environment.SetEnvironmentVariable(Variable, "copy");
            string message = Assert.Throws<FormatException>(SoftwareBackendOptions.FromEnvironment).Message;
            Assert.Equal("XESVM_FAULTS is 'copy': 'copy' needs either at=K or p=X.", message);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Variable, before);
        }
    }
}
