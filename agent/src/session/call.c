/* SPDX-License-Identifier: MIT */
/* The common parts of all calls: their beginning, and their end. */
#include "session/call.h"

#include "weir/expect.h"

#include "weir/v1/agent.pb-c.h"

void *wi_call_create(const struct wi_call_start *start, const struct wi_call_type *type,
                     size_t size, struct wi_fault *ret_fault)
{
    bool is_whole = WI_EXPECT(type->next && type->destroy && size >= sizeof(struct wi_call));
    struct wi_call *call = is_whole ? wi_memory_take_zeroed(start->peer->memory, size) : NULL;
    if (!call) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the call");
        return NULL;
    }
    call->type = type;
    call->memory = start->peer->memory;
    return call;
}

void wi_call_free(struct wi_call *call)
{
    wi_memory_return(call->memory, call);
}

static void *call_alloc(void *memory, size_t n)
{
    return wi_memory_take(memory, n);
}

static void call_return(void *memory, void *block)
{
    wi_memory_return(memory, block);
}

ProtobufCMessage *wi_call_unpack(const struct wi_call_start *start,
                                 const ProtobufCMessageDescriptor *descriptor,
                                 struct wi_fault *ret_fault)
{
    struct wi_memory *memory = start->peer->memory;
    ProtobufCAllocator allocator = {call_alloc, call_return, memory};
    uint64_t refusals = memory->refusals;
    ProtobufCMessage *request =
        protobuf_c_message_unpack(descriptor, &allocator, start->n, start->request);
    if (!request && memory->refusals != refusals) {
        wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the request");
    } else if (!request) {
        wi_fault_set(ret_fault, WI_RPC_INVALID_ARGUMENT, "the request is not a %s",
                     descriptor->name);
    }
    return request;
}

void wi_call_free_request(struct wi_memory *memory, ProtobufCMessage *taken_request)
{
    ProtobufCAllocator allocator = {call_alloc, call_return, memory};
    protobuf_c_message_free_unpacked(taken_request, &allocator);
}

enum wi_call_next wi_call_end(struct wi_fault *ret_fault)
{
    wi_fault_set(ret_fault, WI_RPC_OK, "%s", "");
    return WI_CALL_END;
}

enum wi_call_next wi_call_tell(const struct wi_buffer *buffer, struct wi_fault *ret_fault)
{
    if (!buffer->has_failed) {
        return WI_CALL_MESSAGE;
    }
    wi_fault_set(ret_fault, WI_RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
    return WI_CALL_END;
}

bool wi_call_is_answered(struct wi_call *call)
{
    bool is_over = call->has_answered;
    call->has_answered = true;
    return is_over;
}
