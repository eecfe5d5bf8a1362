# Host tests: kernel/vm for this machine, under the sanitizers, over tests/host/fake.
# build/host/t_NAME for each tests/host/NAME.c; with COVERAGE=1 build/host/coverage/t_NAME, which counts
# branches, and has no UBSan since its checks would be branches too.
COMMA := ,
HOST_B := build/host$(if $(COVERAGE),/coverage)
HOST_OBJ := build/host/$(if $(COVERAGE),coverage/obj,asan)

HOST_VM := $(addprefix kernel/vm/,page_claim page pageq radix anon amap amap_run object map map_change map_fork fault_wait fault vmspace audit) \
	kernel/base/tree kernel/kern/lockrank
HOST_VM += $(patsubst %.c,%,$(wildcard kernel/before/*.c))
HOST_FAKE := $(patsubst %.c,%,$(wildcard tests/host/fake/*.c))
HOST_TESTS := $(patsubst tests/host/%.c,$(HOST_B)/t_%,$(wildcard tests/host/*.c))
HOST_VM_OBJECTS := $(patsubst %,$(HOST_OBJ)/%.o,$(HOST_VM) $(HOST_FAKE))
HOST_VM_CFLAGS := -std=gnu11 -O1 -g $(WARN) -DDEBUG -fsanitize=address$(if $(COVERAGE),,$(COMMA)undefined) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -Itests/host/include -Ikernel
ifneq ($(COVERAGE),)
$(HOST_OBJ)/kernel/vm/%.o $(HOST_OBJ)/tests/host/%.o: HOST_VM_CFLAGS += $(COVERAGE_CFLAGS)
HOST_LINK := --coverage
endif

.PRECIOUS: $(HOST_OBJ)/%.o
$(HOST_OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,HOST,$<)
	$(Q)$(HOSTCC) $(HOST_VM_CFLAGS) -MMD -MP -c $< -o $@

$(HOST_TESTS): $(HOST_B)/t_%: $(HOST_OBJ)/tests/host/%.o $(HOST_VM_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) $(HOST_VM_CFLAGS) $(HOST_LINK) -o $@ $^

-include $(HOST_VM_OBJECTS:.o=.d) $(patsubst $(HOST_B)/t_%,$(HOST_OBJ)/tests/host/%.d,$(HOST_TESTS))

# Interleavings: the same with threads that run, under every schedule (tests/interleave). One program, build/host/interleave.
INTERLEAVE_WRAPPED := sleeplock_acquire sleeplock_try sleeplock_release rwlock_read rwlock_write rwlock_try_upgrade rwlock_release
INTERLEAVE_LOCKS := kernel/kern/sleeplock kernel/kern/rwlock
INTERLEAVE_OBJECTS := $(patsubst %,$(HOST_OBJ)/%.o,$(HOST_VM) $(INTERLEAVE_LOCKS) kernel/kern/held kernel/vm/pdaemon \
	$(addprefix tests/host/fake/,machine pager pmap pool) $(patsubst %.c,%,$(wildcard tests/interleave/*.c)))

$(patsubst %,$(HOST_OBJ)/%.o,$(INTERLEAVE_LOCKS)): HOST_VM_CFLAGS += -DKERNEL_LOCKS
$(HOST_B)/interleave: $(INTERLEAVE_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) $(HOST_VM_CFLAGS) $(HOST_LINK) $(addprefix -Wl$(COMMA)--wrap=,$(INTERLEAVE_WRAPPED)) -o $@ $^ -ldl

-include $(INTERLEAVE_OBJECTS:.o=.d)
