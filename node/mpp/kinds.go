package mpp

// kind makes and clears the struct of one tag.
type kind struct {
	tag   string
	fresh func() body
	clear func(body)
}

// kinds is every message by its tag. Read only.
var kinds = index(
	kindOf[ConnectRequest](),
	kindOf[DisconnectRequest](),
	kindOf[Heartbeat](),
	kindOf[EndpointRequest](),
	kindOf[Acknowledge](),
	kindOf[ResolveRequest](),
	kindOf[FactRequest](),
	kindOf[PublishRequest](),
	kindOf[FetchRequest](),
	kindOf[JoinRequest](),
	kindOf[InviteRequest](),
	kindOf[AcceptRequest](),
	kindOf[DataRequest](),
	kindOf[PermissionRequest](),

	kindOf[ConnectResponse](),
	kindOf[ErrorInvalidSerial](),
	kindOf[Status](),
	kindOf[EndpointResponse](),
	kindOf[Notify](),
	kindOf[ResolveResponse](),
	kindOf[FactResponse](),
	kindOf[PublishResponse](),
	kindOf[FetchResponse](),
	kindOf[JoinResponse](),
	kindOf[Join](),
	kindOf[Transfer](),
	kindOf[Invite](),
	kindOf[Accept](),
	kindOf[Data](),
)

func kindOf[T any, P interface {
	*T
	body
}]() *kind {
	return &kind{
		tag:   P(new(T)).Tag(),
		fresh: func() body { return P(new(T)) },
		clear: func(m body) { *m.(P) = *new(T) },
	}
}

func index(all ...*kind) map[string]*kind {
	byTag := make(map[string]*kind, len(all))
	for _, k := range all {
		byTag[k.tag] = k
	}
	return byTag
}
